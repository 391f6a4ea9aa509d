// Package guard has what a panic would leave behind put right before the program dies of it: a raw
// terminal above all. The runtime knows no hook for that, so every goroutine begins with
//
//	defer guard.Rescue()
//
// which a test holds the whole program to. What the runtime itself gives up on (a concurrent map
// write, no memory) and SIGKILL pass by it.
package guard

import "sync/atomic"

var before atomic.Pointer[func()]

// Before has fn called before the program dies of a panic. fn may be called from any goroutine, and
// more than once; the newest counts. end takes it back.
func Before(fn func()) (end func()) {
	before.Store(&fn)
	return func() { before.CompareAndSwap(&fn, nil) }
}

// Put calls what Before was given, for who is about to end the program in another way.
func Put() {
	if fn := before.Load(); fn != nil {
		(*fn)()
	}
}

// Rescue is to be deferred. It does nothing where there is no panic; else it calls what Before was
// given, and lets the panic go on: the runtime prints the trace of where it began with it.
func Rescue() {
	if r := recover(); r != nil {
		Put()
		panic(r)
	}
}
