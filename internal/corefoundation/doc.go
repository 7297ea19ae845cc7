// Package corefoundation calls macOS's frameworks without cgo, so that what is built on any machine can use them:
// CoreFoundation's objects as far as usher hands them on, and [Load] for the functions of another framework.
//
// It is for macOS alone and holds no decisions: whoever calls turns what comes back into Go values at once, and decides
// where tests on Linux can see it. Nobody ran it on a Mac yet; its tests run under the loader of sim/darwin.
package corefoundation
