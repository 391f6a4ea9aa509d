// Package lab builds a VPC subnet on this machine: instances that are real kernel stacks in network
// namespaces, and between them the switch of package vswitch, which plays the network of a cloud.
// Commands run inside the instances as whole processes; the caller's own network is never touched.
//
// Three processes make a lab. The caller (Run) starts an init, which is process 1 of new PID, mount
// and network namespaces (and of a user namespace where the caller is not allowed to make the
// others): it builds the network, runs the switch, the DHCPv6 clients, the metadata service, and
// starts the commands. A command begins as the executable itself, which enters the instance's
// namespace and then executes the command. When the caller or the init dies, however it dies, the
// kernel kills everything in the PID namespace and takes the network down.
package lab
