package checks

import "ndwhy/diag"

const idHost = "host"

// The check host reads how this host is configured. It asks nobody: what it looks at is in the stream from
// the sources that watch the kernel, and the diagnosis judges it.
func init() {
	declare(Check{
		ID:   idHost,
		feed: diag.FeedHost,
	})
}
