// Package portal runs Company Portal for a registration: exactly once, followed to its end, and independent of who
// asks.
//
// A [Runner] is all a caller needs. [Runner.Run] launches Company Portal, or attaches to the run of the same
// registration, and tells of its [Event]s; [Runner.Stop] ends it. The run belongs to the Runner and not to the call: a
// call that is broken off leaves it alone, and the next call gets everything from the start.
//
// Company Portal also outlives the agent. Before it is started, a record with the registration's id and the place in
// its log goes to disk. After a restart of the agent the record leads back to the process, and when that has ended
// meanwhile, Company Portal's log tells how. For one registration id Company Portal is never launched twice, whatever
// is killed when: where it is not known whether it was launched, its end is unknown.
//
// The process table of macOS is read through sysctl; its tests run under the loader of sim/darwin, and nobody has run
// it on a Mac.
package portal
