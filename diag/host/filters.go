package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"

	"golang.org/x/sys/unix"

	"ndwhy/diag"
	"ndwhy/diag/privilege"
)

// filters is what is known of the packet filter since the last look.
type filters struct {
	generation uint32
	said       []diag.Filter
}

// readFilters emits the rules that stop neighbour discovery or echo, those that went, and whether
// they could be read. A ruleset of the same generation is not read again.
func (r *Reader) readFilters(ctx context.Context) {
	var rs *ruleset
	err := privilege.With(unix.CAP_NET_ADMIN, func() (err error) {
		rs, err = readRuleset(ctx, r.filters.generation)
		return err
	})
	if err != nil {
		if ctx.Err() == nil {
			r.filtersUnreadable(err)
		}
		return
	}
	feed := diag.Feed{Name: diag.FeedFilters, State: diag.Synced}
	if rs != nil {
		r.emitFilters(judge(rs, r.links))
		r.filters.generation = rs.generation
	}
	r.say(feed.Name, feed)
}

func (r *Reader) filtersUnreadable(err error) {
	r.emitFilters(nil)
	r.filters.generation = 0
	feed := diag.Feed{Name: diag.FeedFilters, State: diag.Unavailable, Why: clean(fmt.Sprintf("nftables rules: %v", err))}
	if errors.Is(err, os.ErrPermission) {
		feed.Why = "nftables rules can only be read with CAP_NET_ADMIN"
		feed.Fix = "sudo setcap cap_net_raw,cap_net_admin=p $(command -v ndwhy)"
	}
	r.say(feed.Name, feed)
}

// emitFilters says what differs from what was said.
func (r *Reader) emitFilters(now []diag.Filter) {
	has := func(list []diag.Filter, f diag.Filter) bool {
		for _, g := range list {
			if reflect.DeepEqual(f, g) {
				return true
			}
		}
		return false
	}
	for _, f := range r.filters.said {
		if !has(now, f) {
			f.Gone = true
			r.sink.Emit(f)
		}
	}
	for _, f := range now {
		if !has(r.filters.said, f) {
			r.sink.Emit(f)
		}
	}
	r.filters.said = now
}
