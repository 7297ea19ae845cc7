package link

import (
	"fmt"
	"runtime"
	"sync"
	"unsafe"

	"usher.internal/internal/corefoundation"
)

// Nobody ran this file on a Mac. It runs under the loader of sim/darwin, and signature.go judges its findings, where
// tests on Linux reach them.

// The calls of Security.framework [SECCODE]. Flags are SecCSFlags; zero is the default of each.
var security struct {
	copyGuest       func(host, attributes corefoundation.Ref, flags uint32, guest *corefoundation.Ref) codeStatus
	createStatic    func(path corefoundation.Ref, flags uint32, code *corefoundation.Ref) codeStatus
	copyRequirement func(code corefoundation.Ref, flags uint32, requirement *corefoundation.Ref) codeStatus
	checkValidity   func(code corefoundation.Ref, flags uint32, requirement corefoundation.Ref) codeStatus
	// audit is kSecGuestAttributeAudit.
	audit corefoundation.Ref
}

var loadSecurity = sync.OnceValue(func() error {
	handle, err := corefoundation.Load("Security", map[string]any{
		"SecCodeCopyGuestWithAttributes":   &security.copyGuest,
		"SecStaticCodeCreateWithPath":      &security.createStatic,
		"SecCodeCopyDesignatedRequirement": &security.copyRequirement,
		"SecCodeCheckValidity":             &security.checkValidity,
	})
	if err != nil {
		return err
	}
	security.audit, err = corefoundation.Constant(handle, "kSecGuestAttributeAudit")
	return err
})

// provesCode returns nil if the process is signed like the program at path. It finds the process by its audit token. It
// uses neither the process id, which another process can have by now, nor the path, where another file can be. If macOS
// cannot be asked, nobody is let in.
func (p *Peer) provesCode(path string) error {
	if err := loadSecurity(); err != nil {
		return fmt.Errorf("%w: the code signature cannot be asked for: %w", ErrOtherProgram, err)
	}
	findings, err := examineCode(p.process.token, path)
	if err != nil {
		return fmt.Errorf("%w: the code signature cannot be asked for: %w", ErrOtherProgram, err)
	}
	return findings.judge(path)
}

// examineCode asks macOS. The error is about the objects that the question needs.
func examineCode(token auditToken, path string) (findings codeFindings, err error) {
	location, err := corefoundation.NewFileURL(path)
	if err != nil {
		return findings, err
	}
	defer corefoundation.Release(location)
	var installed, requirement corefoundation.Ref
	defer func() { corefoundation.Release(installed); corefoundation.Release(requirement) }()
	if findings.installed = security.createStatic(location, 0, &installed); findings.installed == codeFine {
		findings.installed = security.copyRequirement(installed, 0, &requirement)
	}
	if findings.installed != codeFine {
		return findings, nil
	}
	bytes := unsafe.Slice((*byte)(unsafe.Pointer(&token)), auditTokenSize)
	data, err := corefoundation.NewData(bytes)
	runtime.KeepAlive(&token)
	if err != nil {
		return findings, err
	}
	defer corefoundation.Release(data)
	attributes, err := corefoundation.NewDictionary(security.audit, data)
	if err != nil {
		return findings, err
	}
	defer corefoundation.Release(attributes)
	var running corefoundation.Ref
	defer func() { corefoundation.Release(running) }()
	if findings.running = security.copyGuest(0, attributes, 0, &running); findings.running != codeFine {
		return findings, nil
	}
	findings.validity = security.checkValidity(running, 0, requirement)
	return findings, nil
}
