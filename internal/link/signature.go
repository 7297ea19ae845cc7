package link

import (
	"fmt"
)

// codeStatus is the result of one of macOS's code-signing calls, an OSStatus [SECCODE]. The table below exists on every
// platform, so that tests on Linux cover it.
type codeStatus int32

const (
	codeFine            codeStatus = 0
	codeRequirementFail codeStatus = -67050 // errSecCSReqFailed
	codeUnsigned        codeStatus = -67062 // errSecCSUnsigned
	codeNoSuchCode      codeStatus = -67065 // errSecCSNoSuchCode
	codeStaticNotFound  codeStatus = -67068 // errSecCSStaticCodeNotFound
	codeStaticChanged   codeStatus = -67034 // errSecCSStaticCodeChanged
	// codePosix plus an errno is an error of the system: 100002 is ENOENT, 100003 is ESRCH.
	codePosix codeStatus = 100000
)

// codeFindings are macOS's answers about a process and the program that it should be.
type codeFindings struct {
	// installed is the result of asking for the designated requirement of the installed program. running is the result
	// of finding the process's code by its audit token. validity is the result of checking that code against the
	// requirement. A later one applies only if those before it are fine.
	installed, running, validity codeStatus
}

// judge returns nil if the process runs the installed program. Otherwise the error wraps [ErrOtherProgram]. It also
// wraps [ErrReplacedProgram] if the process runs what was installed before, or [ErrPeerGone] if it has ended.
//
// An unsigned program, such as a development build for Intel, has no requirement. Only the path and the owner of its
// file are known then, as on Linux. For Apple's processors the Go toolchain signs its builds itself.
func (f codeFindings) judge(path string) error {
	switch {
	case f.installed == codeUnsigned:
		return nil
	case f.installed != codeFine:
		return fmt.Errorf("%w: macOS does not report the signature of %s (OSStatus %d)", ErrOtherProgram, path,
			f.installed)
	case f.running == codeNoSuchCode, f.running == codePosix+3:
		return ErrPeerGone
	case f.running == codePosix+2, f.running == codeStaticNotFound:
		// Its file was replaced by another one, for example by an upgrade.
		return fmt.Errorf("%w: %w: its file no longer exists", ErrOtherProgram, ErrReplacedProgram)
	case f.running != codeFine:
		return fmt.Errorf("%w: macOS does not report the code of the process (OSStatus %d)", ErrOtherProgram, f.running)
	}
	switch f.validity {
	case codeFine:
		return nil
	case codeStaticChanged, codeRequirementFail:
		// It was started from that path, which has another program now.
		return fmt.Errorf("%w: %w: it does not have the code signature of %s (OSStatus %d)", ErrOtherProgram,
			ErrReplacedProgram, path, f.validity)
	}
	return fmt.Errorf("%w: its code is not valid (OSStatus %d)", ErrOtherProgram, f.validity)
}
