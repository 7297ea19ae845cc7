package observation

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"slices"

	"google.golang.org/grpc/status"

	"usher.internal/internal/contract"
	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
)

// nonceLength is the length of a challenge in bytes.
const nonceLength = 32

// maximumProofs limits the signatures that one look asks for and verifies. A user has one device certificate, and
// perhaps some old ones.
const maximumProofs = 8

// maximumSignature is longer, in bytes, than any signature that [wpj.Certificate.PublicKey] can verify: those of RSA
// with 8192 bits.
const maximumSignature = 1024

// possessions are in the order in which they apply if there are several certificates and none was chosen: a refuted one
// says nothing about the others.
var possessions = []wpj.Possession{"", wpj.PossessionRefuted, wpj.PossessionNotProved, wpj.PossessionProved}

// claimed is a certificate whose key is there, as an agent says.
type claimed struct {
	*wpj.Certificate
	held *wpj.HeldCertificate
	came wpj.Possession
}

// prove asks for a signature with the key of each device certificate that the agent reports with its key in the login
// keychain. It begins with the certificate that is valid longest. If a key signs wrongly, its certificate is treated as
// one without a key: it was copied there. A missing signature proves nothing. The result applies to the certificate
// that speaks for the Mac. prove ends with ctx, with its error.
func (o *Observer) prove(ctx context.Context, agent usherv1.UserAgentServiceClient, evidence []wpj.Evidence) error {
	of := make([][]*claimed, len(evidence)) // the certificates of each, nil where nothing is asked
	var all []*claimed
	for i, e := range evidence {
		// an unknown source is treated as it
		if e.Finding != wpj.Found || e.Source != wpj.SourceLoginKeychain && e.Source != "" {
			continue
		}
		of[i] = make([]*claimed, len(e.Certificates))
		for j := range e.Certificates {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			held := &e.Certificates[j]
			if certificate, err := wpj.ParseCertificate(held.DER); err == nil && held.HasPrivateKey {
				of[i][j] = &claimed{Certificate: certificate, held: held}
				all = append(all, of[i][j])
			}
		}
	}
	slices.SortStableFunc(all, func(a, b *claimed) int { return b.NotAfter.Compare(a.NotAfter) })
	for i, one := range all {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if one.came = wpj.PossessionNotProved; i < maximumProofs {
			one.came = o.possession(ctx, agent, one.Certificate)
		}
	}
	if len(all) > maximumProofs {
		o.log.Info("possession of some device keys was not verified", "keys", len(all), "limit", maximumProofs)
	}
	for i := range evidence {
		o.conclude(&evidence[i], of[i])
	}
	return nil
}

// conclude adds the results for its certificates to the evidence.
func (o *Observer) conclude(e *wpj.Evidence, certificates []*claimed) {
	for _, one := range certificates {
		switch {
		case one == nil:
			continue
		case one.came == wpj.PossessionRefuted:
			one.held.HasPrivateKey = false
			e.Detail += " The private key did not sign as the certificate's."
		case one.KeyProblem != nil && len(e.Detail) < maximumDetail:
			e.Detail += fmt.Sprintf(" Possession of the private key could not be verified: %s.", one.KeyProblem)
		}
		if slices.Index(possessions, one.came) > slices.Index(possessions, e.Possession) {
			e.Possession = one.came
		}
	}
	if len(certificates) == 0 {
		return
	}
	// The presence of another identity's key proves nothing about the one that speaks for the Mac.
	if at, chosen := wpj.Choose(*e, o.conditions(wpj.KeysHistory{})); chosen {
		e.Possession = ""
		if certificates[at] != nil {
			e.Possession = certificates[at].came
		}
	}
}

func (o *Observer) possession(ctx context.Context, agent usherv1.UserAgentServiceClient,
	certificate *wpj.Certificate) wpj.Possession {
	if certificate.PublicKey == nil {
		o.log.Info("possession of a device key could not be verified", "reason", certificate.KeyProblem)
		return wpj.PossessionNotProved
	}
	nonce := make([]byte, nonceLength)
	rand.Read(nonce) // never fails
	response, err := agent.ProvePossession(ctx,
		&usherv1.ProvePossessionRequest{Thumbprint: string(certificate.Thumbprint), Nonce: nonce})
	if err != nil {
		o.log.Info("agent did not prove possession of the device key", "code", status.Code(err), "reason",
			contract.Reason(err))
		return wpj.PossessionNotProved
	}
	if len(response.GetSignature()) > maximumSignature ||
		!signedBy(certificate.PublicKey, wpj.Challenge(nonce), response.GetSignature()) {
		return wpj.PossessionRefuted
	}
	return wpj.PossessionProved
}

// signedBy reports whether the digest was signed with the key: PKCS #1 v1.5 with RSA, ASN.1 with an elliptic curve.
func signedBy(public crypto.PublicKey, digest, signature []byte) bool {
	switch public := public.(type) {
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(public, crypto.SHA256, digest, signature) == nil
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(public, digest, signature)
	}
	return false
}
