package endpoint

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"usher.internal/helper/proxy"
	"usher.internal/internal/oneline"
)

// Verdict describes how a server answers.
type Verdict string

// The verdicts. The first group is for certificates, the second for handshakes without a certificate, the third for
// failed connections.
const (
	// Public: the chain ends at a public authority, is valid now and for this host, and the server has its key.
	Public Verdict = "public"
	// Inspected: the chain does not end at a public authority.
	Inspected Verdict = "inspected"
	// SelfSigned: like Inspected, but the only certificate is its own authority.
	SelfSigned Verdict = "self-signed"
	// Incomplete: the chain does not reach a public authority, but its certificate has the marks of one. An
	// intermediate may be missing.
	Incomplete Verdict = "incomplete"
	// OutOfDate and WrongName: the chain is public, but not valid now, or not valid for this host.
	OutOfDate Verdict = "out of date"
	WrongName Verdict = "wrong name"
	// Unproven: the chain is public, but the handshake ended before the server proved that it has the key.
	Unproven Verdict = "unproven"
	// Unreadable: a certificate cannot be parsed. Those of public authorities can.
	Unreadable Verdict = "unreadable"

	// NotTLS: the answer is something else, such as HTTP.
	NotTLS Verdict = "not TLS"
	// Closed, Silent and Failed: the connection was closed during the handshake, nothing came in time, or it failed in
	// another way.
	Closed Verdict = "closed"
	Silent Verdict = "silent"
	Failed Verdict = "failed"

	// Refused, NoName, NoDNS, NoAnswer and Unreachable: nobody listens, the name does not exist, no DNS server answers,
	// nothing came in time, or there is no route.
	Refused     Verdict = "refused"
	NoName      Verdict = "no name"
	NoDNS       Verdict = "no DNS"
	NoAnswer    Verdict = "no answer"
	Unreachable Verdict = "unreachable"
	// ProxyUser, ProxyRefused and ProxyUnreachable: the proxy requires a user, answered with another error, or did not
	// answer.
	ProxyUser        Verdict = "proxy user"
	ProxyRefused     Verdict = "proxy refused"
	ProxyUnreachable Verdict = "proxy unreachable"
)

// Connected reports whether there was a connection to the server, or to something that answers in its place.
func (v Verdict) Connected() bool {
	switch v {
	case Refused, NoName, NoDNS, NoAnswer, Unreachable, ProxyUser, ProxyRefused, ProxyUnreachable:
		return false
	}
	return true
}

// Answer is the result for one server.
type Answer struct {
	Verdict Verdict
	// Via is the proxy.
	Via proxy.Choice
	// Issuer is the issuer of the server's certificate, and Authority the end of the chain, as "common name"
	// (organisation). Issuer may be empty if the verdict is Unreadable. Authority is empty if both are the same.
	Issuer, Authority string
	// Names are those of the certificate. NotBefore and NotAfter are its time, or the shortest time in the chain.
	Names               []string
	NotBefore, NotAfter time.Time
	// NameIsWrong and TimeIsWrong may also be true for a chain that is not public.
	NameIsWrong, TimeIsWrong bool
	// BorrowedName is true if an authority has the name of a public one, but not its key.
	BorrowedName bool
	// AsksForCertificate is true if the server asked for a client certificate.
	AsksForCertificate bool
	// Detail describes in one line what was seen, for the verdicts without a chain. Status is a proxy's answer.
	Detail string
	Status int
}

// Look makes a TLS handshake with host:port and judges the server's certificates. It takes at most [ConnectTimeout] and
// [HandshakeTimeout], and also [SecondLookTimeout] if the certificate cannot be parsed. A server that asks for a client
// certificate gets none, and is judged by its chain.
func (p Prober) Look(ctx context.Context, address string) Answer {
	connection, choice, err := p.Connect(ctx, address)
	if err != nil {
		answer := judgeConnection(err)
		answer.Via = choice
		return answer
	}
	defer connection.Close()
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	looking := ctx
	ctx, cancel := context.WithTimeout(ctx, HandshakeTimeout)
	defer cancel()
	var chain []*x509.Certificate
	asked := false
	client := tls.Client(connection, &tls.Config{
		ServerName: host,
		MinVersion: tls.VersionTLS12,
		// judged below, with other authorities than the system's; nothing is sent over this connection
		InsecureSkipVerify: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			chain = state.PeerCertificates
			return nil
		},
		// In both versions, the server asks for this after it has signed with its key.
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			asked = true
			return new(tls.Certificate), nil
		},
	})
	err = client.HandshakeContext(ctx)
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	var answer Answer
	switch {
	case len(chain) > 0:
		answer = p.judgeChain(host, chain)
		if answer.Verdict == Public && err != nil && !asked {
			answer.Verdict, answer.Detail = Unproven, detail(err)
		}
	case err == nil: // TLS has no server without a certificate
		answer = Answer{Verdict: Failed, Detail: "it shows no certificate"}
	default:
		answer = judgeHandshake(err)
	}
	if answer.Verdict == Unreadable {
		answer.Issuer = p.issuerOfUnreadable(looking, host, address)
	}
	answer.Via, answer.AsksForCertificate = choice, asked
	return answer
}

// longestDetail is the maximum length of an error that is shown, in characters.
const longestDetail = 200

func detail(err error) string { return oneline.Of(err.Error(), longestDetail) }

// judgeConnection judges errors of [Prober.Connect].
func judgeConnection(err error) Answer {
	answer := Answer{Detail: detail(err)}
	if refused, ok := errors.AsType[*ProxyError](err); ok {
		answer.Status = refused.Status
		switch {
		case AsksForUser(err):
			answer.Verdict = ProxyUser
		case refused.Status != 0:
			answer.Verdict = ProxyRefused
		default:
			answer.Verdict, answer.Detail = ProxyUnreachable, detail(refused.Err)
		}
		return answer
	}
	dns, isDNS := errors.AsType[*net.DNSError](err)
	switch {
	case isDNS && dns.IsNotFound:
		answer.Verdict = NoName
	case isDNS:
		answer.Verdict = NoDNS
	case errors.Is(err, syscall.ECONNREFUSED):
		answer.Verdict = Refused
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded),
		errors.Is(err, syscall.ETIMEDOUT):
		answer.Verdict = NoAnswer
	default:
		answer.Verdict = Unreachable
	}
	return answer
}

// judgeHandshake judges handshakes that ended before a certificate was seen.
func judgeHandshake(err error) Answer {
	answer := Answer{Verdict: Failed, Detail: detail(err)}
	switch plain, ok := errors.AsType[tls.RecordHeaderError](err); {
	case ok:
		answer.Verdict, answer.Detail = NotTLS, oneline.Of(string(plain.RecordHeader[:]), len(plain.RecordHeader))
	case strings.Contains(err.Error(), "failed to parse certificate"): // crypto/tls has no type for it
		answer.Verdict = Unreadable
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		answer.Verdict = Silent
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET),
		errors.Is(err, syscall.EPIPE):
		answer.Verdict = Closed
	}
	return answer
}
