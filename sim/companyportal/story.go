package main

import (
	"fmt"
	"math"
	"os"
	"syscall"
	"time"

	"github.com/google/uuid"

	"usher.internal/internal/wpj"
)

// portal is one run.
type portal struct {
	Settings
	log *log
}

// Outcomes of an event.
const (
	succeeded = "Succeeded"
	failed    = "Failed"
)

// stage is a step of a registration that can fail.
type stage int

const (
	launch stage = iota
	signIn
	tokenFetch
	deviceRegistration
	keychainItems
	noStage
)

// failingStages maps an exit code to the step that fails. The real order of events is known only for success; the
// failures follow the names of the codes. Any other code fails as defaultError does.
var failingStages = map[wpj.ExitCode]stage{
	wpj.ExitSuccess:                    noStage,
	wpj.ExitDefaultError:               deviceRegistration,
	wpj.ExitUserAbandoned:              signIn,
	wpj.ExitRegistrationError:          deviceRegistration,
	wpj.ExitRegistrationDeviceCapError: deviceRegistration,
	wpj.ExitRegistrationKeychainError:  keychainItems,
	wpj.ExitAuthenticationError:        tokenFetch,
	wpj.ExitNetworkError:               tokenFetch,
	wpj.ExitCommandLineError:           launch,
}

// register is a run in registration mode, in the order of events of a published run [SEED]. The error is for the person
// who runs the stand-in; the exit code is valid in any case.
func (p *portal) register() (wpj.ExitCode, error) {
	code := p.ExitCode
	fails, known := failingStages[code]
	if !known {
		fails = failingStages[wpj.ExitDefaultError]
	}
	outcome := func(s stage) string {
		if s == fails {
			return failed
		}
		return succeeded
	}
	items := p.startMakingItems() // making keys takes time, and so does the user
	if fails > launch {
		p.signIn(fails)
	}
	if fails > signIn {
		p.fetchedToken(outcome(tokenFetch))
	}
	if fails > tokenFetch {
		p.registeredDevice(outcome(deviceRegistration))
	}
	p.log.rotate(p.RotateLog)
	err := p.store(items())
	if err != nil {
		code, fails = wpj.ExitRegistrationKeychainError, keychainItems
	}
	if fails == keychainItems {
		const trouble = "failed to delete workplace join item with identifier " +
			"'com.microsoft.workplacejoin.registeredUserPrincipalName' from keychain for shared access group: " +
			"macOS.com.microsoft.workplacejoin with error code:-25244"
		p.log.sdk("ERROR: [errorCode:-400]-[WorkPlaceJoin clearWorkplaceJoinStateFromDevice:error:] [Line 1901][TIME]" +
			trouble)
	}
	switch {
	case fails == noStage:
		p.completed(succeeded)
		p.log.sdk("INFO: [TIME]getRegistrationInformation: Retrieved certificate thumbprint")
		p.log.info("workplaceJoin", "WorkplaceJoinManager.swift: 54 (cachedWorkPlaceJoinState)",
			"Cached workplace join state set to: Optional(__C.WorkPlaceJoinState(rawValue: 2)))")
	case fails > tokenFetch:
		p.completed(failed)
	}
	p.exited(code)
	return code, err
}

// signIn is the user's part. The log of 2020 is known from the token on; Company Portal's lines are those of 2025 in
// its grammar. The library's lines are among them, as many in a good run as in any other.
func (p *portal) signIn(fails stage) {
	for range p.Cancels {
		p.openSignIn().cancelled()
	}
	library := p.openSignIn()
	defer func() {
		switch fails {
		case signIn:
			library.cancelled()
		case tokenFetch:
			library.refused()
		default:
			library.finished()
		}
	}()
	if p.Hang {
		time.Sleep(math.MaxInt64)
	}
	if p.SignInPipe != "" {
		if _, err := os.ReadFile(p.SignInPipe); err != nil { // blocks until somebody writes
			p.log.info("login", "LoginManager.swift: 70 (loginState)", "sign_in_pipe: "+err.Error())
		}
	}
	time.Sleep(time.Duration(p.Wait))
	if p.KillSelf != 0 {
		_ = syscall.Kill(os.Getpid(), syscall.Signal(p.KillSelf))
		time.Sleep(math.MaxInt64) // the signal takes effect when it does
	}
}

// openSignIn shows the window in which the user signs in.
func (p *portal) openSignIn() *library {
	library := p.log.library()
	p.log.info("login", "LoginManager.swift: 62 (loginState)",
		"Login state changed from 'NotLoggedIn' to 'FetchingAadIntuneToken'")
	library.started()
	p.log.event("InAppProcess",
		field{"context", "brokerAuth:false"}, field{"durationMs", "0"}, field{"eventTitle", "ADALLoginStarted"},
		field{"featureArea", "Login"}, field{"result", "None"})
	return library
}

func (p *portal) fetchedToken(result string) {
	if result == failed && p.ExitCode == wpj.ExitNetworkError {
		p.log.info("authentication", "AuthenticationManager.swift: 60 (changeAuthenticationState(_:))",
			`Authentication finished with error: Error Domain=NSURLErrorDomain Code=-1009 "The Internet connection `+
				`appears to be offline."`)
	}
	p.log.event("OutgoingServiceRequest",
		field{"clientRequestId", uuid.NewString()}, field{"context", "TenantID:" + p.TenantID},
		field{"durationMs", "304"},
		field{"eventTitle", "Auth_FetchSvcToken"}, field{"featureArea", "Login"}, field{"result", result},
		field{"target", "AADWPJToken"})
}

func (p *portal) registeredDevice(result string) {
	p.log.event("OutgoingServiceRequest",
		field{"clientRequestId", uuid.NewString()}, field{"context", "partnerFlow"}, field{"durationMs", "2091"},
		field{"eventTitle", "WPJ_DeviceRegistration"}, field{"featureArea", "WPJ"}, field{"result", result},
		field{"target", fmt.Sprintf("TokenFetchDuration: %v", time.Duration(p.Wait).Seconds())})
}

func (p *portal) completed(result string) {
	p.log.event("InAppProcess",
		field{"context", "partnerFlow"}, field{"durationMs", "2375"}, field{"eventTitle", "CompleteWPJOperation"},
		field{"featureArea", "WPJ"}, field{"result", result})
}

// exited writes the last event, which has the exit code.
func (p *portal) exited(code wpj.ExitCode) {
	if p.LoseExitEvent {
		return
	}
	result := succeeded
	if code != wpj.ExitSuccess {
		result = failed
	}
	p.log.event("InAppProcess",
		field{"context", "partnerFlow"}, field{"eventTitle", "CompanyPortalExited"}, field{"featureArea", "General"},
		field{"result", result}, field{"resultData", fmt.Sprint(int(code))})
}
