package probe

import (
	"golang.org/x/sys/unix"

	"ndwhy/diag"
	"ndwhy/diag/privilege"
)

// Admin says whether this process may configure addresses.
func Admin() diag.Feed {
	if privilege.Permitted(unix.CAP_NET_ADMIN) {
		return diag.Feed{Name: diag.FeedAdmin, State: diag.Synced}
	}
	return diag.Feed{
		Name: diag.FeedAdmin, State: diag.Unavailable,
		Why: "CAP_NET_ADMIN is missing: no address can be configured", Fix: privilege.Fix(unix.CAP_NET_ADMIN),
	}
}
