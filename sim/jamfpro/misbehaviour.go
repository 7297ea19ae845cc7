package jamfpro

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"time"
)

const (
	maintenancePage = `<!DOCTYPE html>
<html><head><title>Jamf Pro Maintenance</title></head>
<body><h1>Jamf Pro is currently undergoing maintenance</h1><p>Please try again later.</p></body></html>
`
	signInPage = `<!DOCTYPE html>
<html><head><title>Sign in to the network</title></head>
<body><a href="http://portal.example.net/login">Sign in</a></body></html>
`
	portalAddress = "http://portal.example.net/login"
)

// enact answers a request according to the fault.
func (s *Server) enact(fault Fault, w http.ResponseWriter, r *http.Request) {
	if fault.Delay > 0 {
		timer := time.NewTimer(fault.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
			panic(http.ErrAbortHandler)
		case <-s.closed:
			panic(http.ErrAbortHandler)
		}
	}
	switch fault.Kind {
	case FaultStatus:
		fault.retryAfter(w.Header(), s.options.Now(), s.options.Gateway)
		refuse(fault.Status, "SIMULATED_FAULT", "", http.StatusText(fault.Status)).write(w)
	case FaultRevokeToken:
		s.revoke(bearer(r))
		s.answer(w, r)
	case FaultReset:
		reset(w)
	case FaultLostAnswer:
		s.answer(&bufferedAnswer{}, r)
		reset(w)
	case FaultTruncated:
		var answer bufferedAnswer
		s.answer(&answer, r)
		maps.Copy(w.Header(), answer.Header())
		w.WriteHeader(answer.status)
		_, _ = w.Write(answer.body.Bytes()[:answer.body.Len()/2])
	case FaultWrongID:
		var answer bufferedAnswer
		s.answer(&answer, r)
		maps.Copy(w.Header(), answer.Header())
		w.WriteHeader(answer.status)
		_, _ = w.Write(withID(answer.body.Bytes(), fault.ID))
	case FaultHTML:
		fault.retryAfter(w.Header(), s.options.Now(), s.options.Gateway)
		writePage(w, fault.Status, http.StatusServiceUnavailable, maintenancePage)
	case FaultCaptivePortal:
		w.Header().Set("Location", portalAddress)
		writePage(w, fault.Status, http.StatusFound, signInPage)
	default:
		s.answer(w, r)
	}
}

// withID returns an answer in which every id is replaced. An answer that is not JSON remains unchanged.
func withID(answer []byte, id string) []byte {
	var value any
	if json.Unmarshal(answer, &value) != nil {
		return answer
	}
	changed, err := json.Marshal(replaceIDs(value, id))
	if err != nil {
		return answer
	}
	return changed
}

func replaceIDs(value any, id string) any {
	switch value := value.(type) {
	case []any:
		for i := range value {
			value[i] = replaceIDs(value[i], id)
		}
	case map[string]any:
		for key := range value {
			if key == "id" {
				value[key] = id
			} else {
				value[key] = replaceIDs(value[key], id)
			}
		}
	}
	return value
}

func writePage(w http.ResponseWriter, status, fallback int, page string) {
	if status == 0 {
		status = fallback
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, page)
}

// reset ends the connection with a reset, like a device on the way that has lost its state.
func reset(w http.ResponseWriter) {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // closes the connection, or the stream
	}
	under := connection
	if secured, ok := connection.(*tls.Conn); ok {
		under = secured.NetConn()
	}
	if tcp, ok := under.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // without it the end is an orderly one
	}
	_ = connection.Close()
}

// bufferedAnswer keeps an answer back.
type bufferedAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements [http.ResponseWriter].
func (b *bufferedAnswer) Header() http.Header {
	if b.header == nil {
		b.header = http.Header{}
	}
	return b.header
}

// WriteHeader implements [http.ResponseWriter].
func (b *bufferedAnswer) WriteHeader(status int) {
	if b.status == 0 {
		b.status = status
	}
}

// Write implements [http.ResponseWriter].
func (b *bufferedAnswer) Write(written []byte) (int, error) {
	b.WriteHeader(http.StatusOK)
	return b.body.Write(written)
}
