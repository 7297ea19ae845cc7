package endpoint

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"slices"
	"time"

	"golang.org/x/crypto/x509roots/fallback/bundle"

	"usher.internal/internal/oneline"
)

// timestamps is the list of Certificate Transparency that public authorities put into certificates (RFC 6962 section
// 3.3).
var timestamps = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 4, 2}

// judgeChain judges the certificates of a server. First it checks whether they lead to a public authority at all, then
// whether they are valid for this host and now.
func (p Prober) judgeChain(host string, shown []*x509.Certificate) Answer {
	now := time.Now()
	if p.Now != nil {
		now = p.Now()
	}
	roots := p.Roots
	if roots == nil {
		roots = publicRoots()
	}
	leaf, path := shown[0], pathOf(shown)
	between := x509.NewCertPool()
	for _, certificate := range shown[1:] {
		between.AddCert(certificate)
	}
	isPublic := func(at time.Time) bool {
		_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: at})
		return err == nil
	}
	answer := Answer{Issuer: nameOf(leaf.Issuer), Names: namesOf(leaf), NameIsWrong: leaf.VerifyHostname(host) != nil}
	answer.NotBefore, answer.NotAfter = timeOf(path)
	if authority := nameOf(path[len(path)-1].Issuer); authority != answer.Issuer {
		answer.Authority = authority
	}
	switch {
	case isPublic(now):
		answer.Verdict = Public
		if answer.NameIsWrong {
			answer.Verdict = WrongName
		}
		return answer
	case isPublic(within(now, answer.NotBefore, answer.NotAfter)), isPublic(within(now, leaf.NotBefore, leaf.NotAfter)):
		answer.Verdict, answer.TimeIsWrong = OutOfDate, true
		if answer.NameIsWrong {
			answer.Verdict = WrongName
		}
		return answer
	}
	answer.TimeIsWrong = now.Before(answer.NotBefore) || now.After(answer.NotAfter)
	last := path[len(path)-1]
	answer.BorrowedName = p.Roots == nil && isNameOfPublicRoot(last.RawIssuer)
	switch {
	case bytes.Equal(leaf.RawSubject, leaf.RawIssuer):
		answer.Verdict = SelfSigned
	case !bytes.Equal(last.RawSubject, last.RawIssuer) && !answer.BorrowedName && hasTimestamps(leaf):
		answer.Verdict = Incomplete
	default:
		answer.Verdict = Inspected
	}
	return answer
}

// pathOf follows the issuers from the server's certificate, as far as the sent certificates lead, in any order.
func pathOf(shown []*x509.Certificate) []*x509.Certificate {
	path := shown[:1:1]
	for {
		last := path[len(path)-1]
		i := slices.IndexFunc(shown, func(one *x509.Certificate) bool {
			return !slices.Contains(path, one) && bytes.Equal(one.RawSubject, last.RawIssuer) &&
				last.CheckSignatureFrom(one) == nil
		})
		if i < 0 {
			return path
		}
		path = append(path, shown[i])
	}
}

// timeOf returns the time when all certificates of a path are valid. A root's own time is left to the system that
// trusts it.
func timeOf(path []*x509.Certificate) (from, to time.Time) {
	from, to = path[0].NotBefore, path[0].NotAfter
	for _, one := range path[1:] {
		if bytes.Equal(one.RawSubject, one.RawIssuer) {
			continue
		}
		if one.NotBefore.After(from) {
			from = one.NotBefore
		}
		if one.NotAfter.Before(to) {
			to = one.NotAfter
		}
	}
	return from, to
}

// within returns the moment nearest to now at which something was valid.
func within(now, from, to time.Time) time.Time {
	switch {
	case now.Before(from):
		return from
	case now.After(to):
		return to
	}
	return now
}

// longestName is the maximum length of a name that is shown, in characters. mostNames is how many names of a
// certificate are shown.
const (
	longestName = 80
	mostNames   = 4
)

// nameOf describes an authority: its common name and its organisation. A stranger may have written both.
func nameOf(name pkix.Name) string {
	organisation := ""
	for i, one := range name.Organization {
		if i > 0 {
			organisation += ", "
		}
		organisation += one
	}
	common := oneline.Of(name.CommonName, longestName)
	organisation = oneline.Of(organisation, longestName)
	switch {
	case common != "" && organisation != "":
		return fmt.Sprintf("%q (%s)", common, organisation)
	case common != "":
		return fmt.Sprintf("%q", common)
	case organisation != "":
		return fmt.Sprintf("%q", organisation)
	}
	if whole := oneline.Of(name.String(), longestName); whole != "" {
		return fmt.Sprintf("%q", whole)
	}
	return "an authority without a name"
}

// namesOf returns the names of a certificate, with a limit.
func namesOf(leaf *x509.Certificate) (names []string) {
	for _, name := range leaf.DNSNames {
		names = append(names, oneline.Of(name, longestName))
	}
	for _, address := range leaf.IPAddresses {
		names = append(names, address.String())
	}
	if len(names) == 0 && leaf.Subject.CommonName != "" {
		names = append(names, oneline.Of(leaf.Subject.CommonName, longestName))
	}
	if more := len(names) - mostNames; more > 0 {
		names = append(names[:mostNames], fmt.Sprintf("%d more", more))
	}
	return names
}

func hasTimestamps(leaf *x509.Certificate) bool {
	return slices.ContainsFunc(leaf.Extensions,
		func(extension pkix.Extension) bool { return extension.Id.Equal(timestamps) })
}

// isNameOfPublicRoot reports whether a public authority has this name.
func isNameOfPublicRoot(subject []byte) bool {
	for root := range bundle.Roots() {
		if certificate, err := x509.ParseCertificate(root.Certificate); err == nil &&
			bytes.Equal(certificate.RawSubject, subject) {
			return true
		}
	}
	return false
}
