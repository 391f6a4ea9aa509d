// Package why concludes from a state: which network this is and what is normal there, what differs from
// it, and the fewest causes that explain the difference. Like diag it is pure, and so a function of the
// state alone.
package why
