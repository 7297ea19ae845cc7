// Package portal runs Company Portal for a registration: exactly once, followed to its end, and independent of its
// callers.
//
// A caller needs only a [Runner]. [Runner.Run] launches Company Portal, or attaches to the run of the same
// registration, and reports its [Event]s; [Runner.Stop] ends it. The run belongs to the Runner and not to the call: if
// a call is broken off, the run continues, and the next call gets every event from the start.
//
// Company Portal also outlives the agent. Before the start, the Runner writes a record to disk, with the registration's
// id and the position in Company Portal's log. After a restart of the agent, the record leads back to the process; if
// the process has ended meanwhile, Company Portal's log says how. For one registration id Company Portal is never
// launched twice, whatever is killed when: if it is not known whether it was launched, its end is unknown.
//
// The process table of macOS is read through sysctl. Its tests run under the loader of sim/darwin, and nobody has run
// it on a Mac.
package portal
