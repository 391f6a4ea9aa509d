package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"

	"golang.org/x/sys/unix"

	"ndwhy/diag"
	"ndwhy/diag/privilege"
)

// filters is what is known of the packet filter since the last look.
type filters struct {
	generation  uint32 // of nf_tables
	sum         uint64 // of x_tables
	nft, legacy []diag.Filter
	said        []diag.Filter
	hooks       []diag.Hook
}

// readFilters emits the rules that stop what a host needs, those that went, and whether they could be
// read. A ruleset of the same generation is not read again.
func (r *Reader) readFilters(ctx context.Context) {
	var rs, legacy *ruleset
	var ipsec []diag.Filter
	var sum uint64
	names, readable := r.legacyTables()
	err := privilege.With(unix.CAP_NET_ADMIN, func() (err error) {
		if rs, err = readRuleset(ctx, r.filters.generation); err != nil {
			return fmt.Errorf("nftables rules: %w", err)
		}
		if legacy, sum, err = readLegacy(names, r.filters.sum); err != nil {
			return err
		}
		if ipsec, err = readIPsec(r.links); err != nil {
			return fmt.Errorf("IPsec policies: %w", err)
		}
		return nil
	})
	if ctx.Err() != nil {
		return
	}
	hooks := r.trafficControl()
	if !readable {
		hooks = append(hooks, diag.Hook{Name: diag.HookLegacy})
	}
	r.emitHooks(hooks)
	if err != nil {
		r.filtersUnreadable(err)
		return
	}
	if rs != nil {
		r.filters.nft, r.filters.generation = judge(rs, r.links), rs.generation
	}
	if legacy != nil {
		r.filters.legacy, r.filters.sum = judge(legacy, r.links), sum
	}
	r.emitFilters(slices.Concat(r.filters.nft, r.filters.legacy, ipsec))
	r.say(diag.FeedFilters, diag.Feed{Name: diag.FeedFilters, State: diag.Synced})
}

func (r *Reader) filtersUnreadable(err error) {
	r.emitFilters(nil)
	r.filters.generation, r.filters.sum = 0, 0
	feed := diag.Feed{Name: diag.FeedFilters, State: diag.Unavailable, Why: clean(err.Error())}
	if errors.Is(err, os.ErrPermission) {
		feed.Why = "nftables rules can only be read with CAP_NET_ADMIN"
		feed.Fix = "sudo setcap cap_net_raw,cap_net_admin=p $(command -v ndwhy)"
	}
	r.say(feed.Name, feed)
}

// emitHooks says what differs from what was said.
func (r *Reader) emitHooks(now []diag.Hook) {
	for _, h := range r.filters.hooks {
		same := func(other diag.Hook) bool { return other.Interface == h.Interface && other.Name == h.Name }
		if !slices.ContainsFunc(now, same) {
			h.Gone = true
			r.sink.Emit(h)
		}
	}
	for _, h := range now {
		if !slices.Contains(r.filters.hooks, h) {
			r.sink.Emit(h)
		}
	}
	r.filters.hooks = now
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
