package host

import (
	"strings"

	"golang.org/x/sys/unix"

	"ndwhy/diag"
)

// iptablesChains are the chains that iptables-nft makes a table with.
var iptablesChains = map[string]bool{"PREROUTING": true, "INPUT": true, "FORWARD": true, "OUTPUT": true, "POSTROUTING": true}

// tool says what a chain's table belongs to: nft writes in any, and what it writes into another's is lost with
// the next reload, or not understood.
func (rs *ruleset) tool(c *chain) diag.FilterTool {
	if c.table == "firewalld" {
		return diag.ToolFirewalld
	}
	_, shared := legacyPriority[c.table]
	if !rs.legacy && (c.family != unix.NFPROTO_IPV6 || !shared) {
		return diag.ToolNFT
	}
	builtIn, ufw := false, false
	for k, other := range rs.chains {
		if k.family == c.family && k.table == c.table {
			builtIn = builtIn || other.base && iptablesChains[k.name]
			ufw = ufw || strings.HasPrefix(k.name, "ufw6-")
		}
	}
	switch {
	case ufw:
		return diag.ToolUFW
	case rs.legacy:
		return diag.ToolLegacy
	case builtIn:
		return diag.ToolIPTables
	default:
		return diag.ToolNFT
	}
}
