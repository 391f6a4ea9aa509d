package lab

import (
	"net/netip"
	"slices"

	"ndwhy/diag"
	"ndwhy/diag/lab/vswitch"
)

// What follows is a lab as data, for who builds one of something else than kernels: the simulation of the checks.

// Switch returns the configuration of the lab's switch. Its ports are the interfaces of Hosts, in order.
func (s *Spec) Switch() vswitch.Config {
	config, _ := s.config()
	return config
}

// Peers returns what `ndwhy check` in a host asks by default beside routers: the addresses of the others.
func (s *Spec) Peers(host *Host) (peers []netip.Addr) {
	for i := range s.Hosts {
		h := &s.Hosts[i]
		for j := range h.NICs {
			nic := &h.NICs[j]
			if h.Name == host.Name || len(nic.Addresses) == 0 {
				continue
			}
			peers = append(peers, nic.Addresses[0])
			if h.Other == host.Other && (!s.Fabric.Isolated || s.Fabric.LocalND) { // else nobody answers for it
				peers = append(peers, nic.LinkLocal())
			}
			peers = append(peers, nic.Addresses[1:]...)
		}
	}
	return peers
}

// Instance returns what the metadata service says to a host; not-asked where there is no such service, unreachable where
// it refuses to say anything.
func (s *Spec) Instance(h *Host) diag.Metadata {
	switch {
	case s.Metadata == nil:
		return diag.Metadata{State: diag.MetadataNotAsked}
	case s.Metadata.NoToken:
		return diag.Metadata{Endpoint: "http://" + imds4.String(), State: diag.MetadataUnreachable, Why: "no token", Mute: true}
	case s.Metadata.Off:
		return diag.Metadata{Endpoint: "http://" + imds4.String(), State: diag.MetadataUnreachable, Why: "status 403", Refused: true}
	}
	m := diag.Metadata{Endpoint: "http://" + imds4.String(), State: diag.MetadataOK, Region: s.Metadata.Region}
	for i := range h.NICs {
		nic := &h.NICs[i]
		if nic.Detached {
			continue
		}
		if h.Outer != nil {
			nic = h.Outer
		}
		m.Interfaces = append(m.Interfaces, diag.MetadataInterface{
			MAC: nic.MAC, ID: nic.ID, Subnet: s.Metadata.SubnetID, Addresses: nic.Addresses, Prefixes: nic.Prefixes,
			Subnets: []netip.Prefix{s.Subnet},
		})
	}
	if !slices.ContainsFunc(m.Interfaces, func(i diag.MetadataInterface) bool { return len(i.Addresses)+len(i.Prefixes) > 0 }) {
		m.State = diag.MetadataNone
	}
	return m
}
