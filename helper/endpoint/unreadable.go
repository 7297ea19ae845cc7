package endpoint

import (
	"context"
	"crypto/tls"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"net"
	"time"
)

// SecondLookTimeout is the additional time of [Prober.Look] if it has to ask again for a certificate that cannot be
// parsed.
const SecondLookTimeout = 2 * time.Second

// issuerOfUnreadable returns the issuer of a server's certificate that crypto/tls refuses to parse, such as one with a
// negative serial number. It asks again with TLS 1.2, which sends certificates in the clear, and reads only the issuer.
// It returns "" if it cannot.
func (p Prober) issuerOfUnreadable(ctx context.Context, host, address string) string {
	ctx, cancel := context.WithTimeout(ctx, SecondLookTimeout)
	defer cancel()
	connection, _, err := p.Connect(ctx, address)
	if err != nil {
		return ""
	}
	defer connection.Close()
	heard := &recorder{Conn: connection}
	client := tls.Client(heard,
		&tls.Config{ServerName: host, MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12,
			InsecureSkipVerify: true})
	_ = client.HandshakeContext(ctx) // it fails like the first one
	certificate := firstCertificate(heard.bytes)
	if certificate == nil {
		return ""
	}
	// Further elements may follow the named ones. Serial is raw, so that it may be any number.
	var read struct {
		Signed struct {
			Version   int `asn1:"optional,explicit,default:0,tag:0"`
			Serial    asn1.RawValue
			Algorithm asn1.RawValue
			Issuer    pkix.RDNSequence
		}
	}
	if _, err := asn1.Unmarshal(certificate, &read); err != nil {
		return ""
	}
	var issuer pkix.Name
	issuer.FillFromRDNSequence(&read.Signed.Issuer)
	return nameOf(issuer)
}

// recorder keeps the beginning of what a server sends.
type recorder struct {
	net.Conn
	bytes []byte
}

// mostRecorded is larger than all the certificates of a handshake that crypto/tls accepts.
const mostRecorded = 512 << 10

// Read keeps the bytes that it reads.
func (r *recorder) Read(into []byte) (int, error) {
	n, err := r.Conn.Read(into)
	r.bytes = append(r.bytes, into[:min(n, mostRecorded-len(r.bytes))]...)
	return n, err
}

// From RFC 5246: the type of handshake records (section 6.2.1), the type of the certificate message (section 7.4), and
// their lengths.
const (
	recordHandshake    = 22
	recordHeader       = 5
	messageCertificate = 11
	messageHeader      = 4
	listHeader         = 3
)

// firstCertificate returns the server's certificate from the records of a handshake in TLS 1.2. It returns nil if the
// certificate is incomplete.
func firstCertificate(records []byte) []byte {
	var handshake []byte
	for len(records) >= recordHeader && records[0] == recordHandshake {
		length := int(binary.BigEndian.Uint16(records[3:]))
		end := min(recordHeader+length, len(records))
		handshake, records = append(handshake, records[recordHeader:end]...), records[end:]
	}
	for len(handshake) >= messageHeader {
		kind, length := handshake[0], number24(handshake[1:])
		body := handshake[messageHeader:]
		if length > len(body) {
			return nil
		}
		if kind != messageCertificate {
			handshake = body[length:]
			continue
		}
		body = body[:length]
		if len(body) < 2*listHeader {
			return nil
		}
		first := body[listHeader:]
		size := number24(first)
		if size > len(first)-listHeader {
			return nil
		}
		return first[listHeader : listHeader+size]
	}
	return nil
}

func number24(bytes []byte) int { return int(bytes[0])<<16 | int(bytes[1])<<8 | int(bytes[2]) }
