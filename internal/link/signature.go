package link

import (
	"fmt"
)

// codeStatus is what one of macOS's code-signing calls comes to, an OSStatus [SECCODE]. The table below is for every
// platform, so that tests on Linux hold it.
type codeStatus int32

const (
	codeFine            codeStatus = 0
	codeRequirementFail codeStatus = -67050 // errSecCSReqFailed
	codeUnsigned        codeStatus = -67062 // errSecCSUnsigned
	codeNoSuchCode      codeStatus = -67065 // errSecCSNoSuchCode
	codeStaticNotFound  codeStatus = -67068 // errSecCSStaticCodeNotFound
	codeStaticChanged   codeStatus = -67034 // errSecCSStaticCodeChanged
	// codePosix and an errno are an error of the system: 100002 is ENOENT, 100003 ESRCH.
	codePosix codeStatus = 100000
)

// codeFindings are what macOS was asked about a process and the program that it should be.
type codeFindings struct {
	// installed is what came of asking for the designated requirement of the installed program; running of finding the
	// code of the process by its audit token, and validity of holding that against the requirement. A later one counts
	// only if those before it are fine.
	installed, running, validity codeStatus
}

// judge says whether the process runs the installed program: nil, or an error that wraps [ErrOtherProgram], with
// [ErrReplacedProgram] where what runs is what was installed before, and [ErrPeerGone] where nothing runs.
//
// A program that nobody has signed, as a development build for Intel is, has no requirement. The path and the owner of
// the file are all that is known of it then, as on Linux. The Go toolchain signs what it builds for Apple's processors
// itself.
func (f codeFindings) judge(path string) error {
	switch {
	case f.installed == codeUnsigned:
		return nil
	case f.installed != codeFine:
		return fmt.Errorf("%w: macOS does not tell what %s is signed as (OSStatus %d)", ErrOtherProgram, path,
			f.installed)
	case f.running == codeNoSuchCode, f.running == codePosix+3:
		return ErrPeerGone
	case f.running == codePosix+2, f.running == codeStaticNotFound:
		// Its file was replaced by another, as an upgrade does.
		return fmt.Errorf("%w: %w: its file is not there any more", ErrOtherProgram, ErrReplacedProgram)
	case f.running != codeFine:
		return fmt.Errorf("%w: macOS does not tell the code of the process (OSStatus %d)", ErrOtherProgram, f.running)
	}
	switch f.validity {
	case codeFine:
		return nil
	case codeStaticChanged, codeRequirementFail:
		// It was started from that path, and what stands there now is something else.
		return fmt.Errorf("%w: %w: it does not have the code signature of %s (OSStatus %d)", ErrOtherProgram,
			ErrReplacedProgram, path, f.validity)
	}
	return fmt.Errorf("%w: its code is not valid (OSStatus %d)", ErrOtherProgram, f.validity)
}
