// Package corefoundation calls macOS's frameworks without cgo, so that programs built on any machine can use them. It
// covers the objects of CoreFoundation that usher needs, and [Load] for the functions of other frameworks.
//
// It is only for macOS and makes no decisions. Its callers turn results into Go values at once, and decide in code that
// tests on Linux can reach. Nobody ran it on a Mac yet; its tests run under the loader of sim/darwin.
package corefoundation
