package observation

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"slices"

	"google.golang.org/grpc/status"

	"usher.internal/internal/contract"
	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
)

// nonceLength is how many bytes a challenge has.
const nonceLength = 32

// possessions are in the order in which they count where there are several certificates and none was chosen: one that was refuted says
// nothing of the others.
var possessions = []wpj.Possession{"", wpj.PossessionRefuted, wpj.PossessionNotProved, wpj.PossessionProved}

// prove asks for a signature with the key of each device certificate that the login keychain is said to hold with its key. A
// certificate whose key signs wrongly counts as one without: it was copied there. Not to get a signature says nothing. What the evidence
// says is of the certificate that speaks for the Mac.
func (o *Observer) prove(ctx context.Context, agent usherv1.UserAgentServiceClient, evidence []wpj.Evidence) {
	for i := range evidence {
		e := &evidence[i]
		if e.Finding != wpj.Found || e.Source != wpj.SourceLoginKeychain && e.Source != "" { // an unknown source counts as it
			continue
		}
		came := make([]wpj.Possession, len(e.Certificates))
		for j := range e.Certificates {
			held := &e.Certificates[j]
			certificate, err := wpj.ParseCertificate(held.DER)
			if err != nil || !held.HasPrivateKey {
				continue
			}
			came[j] = o.possession(ctx, agent, certificate)
			if slices.Index(possessions, came[j]) > slices.Index(possessions, e.Possession) {
				e.Possession = came[j]
			}
			if came[j] == wpj.PossessionRefuted {
				held.HasPrivateKey = false
				e.Detail += " The private key did not sign as the certificate's."
			}
		}
		// That another identity's key is there proves nothing of the one that speaks for the Mac.
		if at, chosen := wpj.Choose(*e, o.conditions(wpj.KeysHistory{})); chosen {
			e.Possession = came[at]
		}
	}
}

func (o *Observer) possession(ctx context.Context, agent usherv1.UserAgentServiceClient, certificate *wpj.Certificate) wpj.Possession {
	if certificate.PublicKey == nil {
		o.log.Info("possession of the device key cannot be proved: signatures with a key of this kind cannot be verified")
		return wpj.PossessionNotProved
	}
	nonce := make([]byte, nonceLength)
	rand.Read(nonce) // never fails
	response, err := agent.ProvePossession(ctx, &usherv1.ProvePossessionRequest{Thumbprint: string(certificate.Thumbprint), Nonce: nonce})
	if err != nil {
		o.log.Info("agent did not prove possession of the device key", "code", status.Code(err), "reason", contract.Reason(err))
		return wpj.PossessionNotProved
	}
	if !signedBy(certificate.PublicKey, wpj.Challenge(nonce), response.GetSignature()) {
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
