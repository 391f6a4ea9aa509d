package capture

import (
	"errors"

	"ndwhy/diag"
)

// A PrivilegeError says that this process may open no packet socket.
type PrivilegeError struct {
	Err error
	// Fix is the line, or the words, that would let it.
	Fix string
}

func (e *PrivilegeError) Error() string {
	return "no right to see packets (CAP_NET_RAW is missing)"
}

func (e *PrivilegeError) Unwrap() error { return e.Err }

// Missing returns what a stream says in place of frames, where Open failed with err.
func Missing(err error) diag.Feed {
	feed := diag.Feed{Name: diag.FeedFrames, State: diag.Unavailable, Why: err.Error()}
	if privilege, ok := errors.AsType[*PrivilegeError](err); ok {
		feed.Fix = privilege.Fix
	}
	return feed
}
