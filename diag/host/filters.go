package host

import (
	"context"
	"errors"
	"fmt"
	"ndwhy/diag"
	"os"
	"reflect"
	"runtime"

	"golang.org/x/sys/unix"
)

// filters is what is known of the packet filter since the last look.
type filters struct {
	generation uint32
	said       []diag.Filter
}

// readFilters emits the rules that stop neighbour discovery or echo, those that went, and whether
// they could be read. A ruleset of the same generation is not read again.
func (r *reader) readFilters(ctx context.Context) {
	var rs *ruleset
	err := withNetAdmin(func() (err error) {
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

func (r *reader) filtersUnreadable(err error) {
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
func (r *reader) emitFilters(now []diag.Filter) {
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

// withNetAdmin calls f on a thread that has CAP_NET_ADMIN in effect, if the process is permitted it.
// The kernel asks for it where a request is sent, so all of f runs there.
func withNetAdmin(f func() error) error {
	done := make(chan error)
	go func() {
		// A thread that does not get back what it had is not unlocked, and ends with the goroutine.
		runtime.LockOSThread()
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var had [2]unix.CapUserData
		const admin = 1 << unix.CAP_NET_ADMIN
		if unix.Capget(&header, &had[0]) == nil && had[0].Permitted&admin != 0 && had[0].Effective&admin == 0 {
			raised := had
			raised[0].Effective |= admin
			if unix.Capset(&header, &raised[0]) == nil {
				err := f()
				if unix.Capset(&header, &had[0]) == nil {
					runtime.UnlockOSThread()
				}
				done <- err
				return
			}
		}
		runtime.UnlockOSThread()
		done <- f()
	}()
	return <-done
}
