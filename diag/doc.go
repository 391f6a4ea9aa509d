// Package diag is what ndwhy knows and how it reasons: events, the state folded from them, the
// profiles of networks, the causes of trouble, the diagnosis and the report.
//
// It is pure: it opens nothing, starts no goroutine and reads no clock. Time is in the events, so
// a recording gives the same diagnosis wherever and whenever it is replayed.
package diag
