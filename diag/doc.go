// Package diag is what ndwhy knows: events, the state folded from them, one model of each link, and a
// sentence for each. What follows from it is concluded in diag/why and written down by diag/report.
//
// It is pure: it opens nothing, starts no goroutine and reads no clock. Time is in the events, so
// a recording gives the same state wherever and whenever it is replayed.
package diag
