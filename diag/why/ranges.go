package why

import (
	"net/netip"

	"ndwhy/diag"
	"ndwhy/diag/words"
)

// A space is addresses that an operator gives to its customers' hosts, as far as it is published.
type space struct {
	prefix  netip.Prefix
	profile string
	by      Source
}

// Where blocks are listed, and the day of the list.
var (
	awsRanges     = Source{Documented, "ip-ranges.amazonaws.com/ip-ranges.json, by lord-alfred/ipranges@14dd971 (2026-08-22)"}
	googleRanges  = Source{Documented, "gstatic.com/ipranges/cloud.json, by lord-alfred/ipranges@14dd971 (2026-08-22)"}
	oceanRanges   = Source{Documented, "digitalocean.com/geo/google.csv, by lord-alfred/ipranges@14dd971 (2026-08-22)"}
	linodeRanges  = Source{Documented, "geoip.linode.com, by lord-alfred/ipranges@14dd971 (2026-08-22)"}
	vultrRanges   = Source{Documented, "geofeed.constant.com, by lord-alfred/ipranges@14dd971 (2026-08-22)"}
	hetznerRanges = Source{Observed, "routes of AS24940 and AS213230, by rezmoss/cloud-provider-ip-addresses@2d22d43 (read 2026-11)"}
	ovhRanges     = Source{Observed, "routes of AS16276, by ipverse/asn-ip@615a600 (read 2026-11)"}
	onlineRanges  = Source{Observed, "routes of AS12876, by disposable/cloud-ip-ranges@559ae49 (2025-06-14)"}
)

// blocks are the published address spaces: of a list of many, the smallest prefixes that hold those that lie
// together. Azure and Oracle are not here: an Azure subnet has what its owner chose, and Oracle's list of public
// ranges has no IPv6.
var blocks = []space{
	{netip.MustParsePrefix("2600:1f00::/24"), "aws", awsRanges},
	{netip.MustParsePrefix("2406:da00::/24"), "aws", awsRanges},
	{netip.MustParsePrefix("2a05:d000::/25"), "aws", awsRanges},
	{netip.MustParsePrefix("2600:1900::/28"), "gcp", googleRanges},
	{netip.MustParsePrefix("2a01:4f8::/31"), "hetzner", hetznerRanges},
	{netip.MustParsePrefix("2a01:4ff::/39"), "hetzner", hetznerRanges},
	{netip.MustParsePrefix("2001:41d0::/32"), "ovh", ovhRanges},
	{netip.MustParsePrefix("2402:1f00::/32"), "ovh", ovhRanges},
	{netip.MustParsePrefix("2604:2dc0::/32"), "ovh", ovhRanges},
	{netip.MustParsePrefix("2607:5300::/32"), "ovh", ovhRanges},
	{netip.MustParsePrefix("2001:bc8::/32"), "scaleway", onlineRanges},
	{netip.MustParsePrefix("2a03:b0c0::/32"), "digitalocean", oceanRanges},
	{netip.MustParsePrefix("2400:6180::/32"), "digitalocean", oceanRanges},
	{netip.MustParsePrefix("2604:a880::/32"), "digitalocean", oceanRanges},
	{netip.MustParsePrefix("2600:3c00::/27"), "linode", linodeRanges},
	{netip.MustParsePrefix("2400:8900::/29"), "linode", linodeRanges},
	{netip.MustParsePrefix("2a01:7e00::/29"), "linode", linodeRanges},
	{netip.MustParsePrefix("2001:19f0::/32"), "vultr", vultrRanges},
	{netip.MustParsePrefix("2401:c080::/32"), "vultr", vultrRanges},
	{netip.MustParsePrefix("2a05:f480::/32"), "vultr", vultrRanges},
}

// ofBlocks are the clues that addresses give: those of the interfaces themselves, and the prefixes that routers
// announce on their links.
func (c *clues) ofBlocks(l *diag.LinkModel) {
	told := map[string]bool{}
	look := func(a netip.Addr) {
		for _, b := range blocks {
			if b.prefix.Contains(a) && !told[b.profile] {
				told[b.profile] = true
				c.add(Possible, words.Say("profile.because.range", "address", a, "range", b.prefix, "network", words.Say("profile."+b.profile+".name")), b.profile)
			}
		}
	}
	for _, a := range l.Usable() {
		look(a.Address)
	}
	for _, p := range l.Announced() {
		look(p.Addr())
	}
}
