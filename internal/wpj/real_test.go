package wpj_test

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"testing"
	"time"

	"usher.internal/internal/wpj"
)

// The certificates of real Macs, with the right answers from openssl and the keychain.
func TestRealCertificates(t *testing.T) {
	const directory = "testdata/certificates"
	index, err := os.Open(filepath.Join(directory, "index.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	defer index.Close()
	table := csv.NewReader(index)
	table.Comma, table.LazyQuotes = '\t', true
	rows, err := table.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(directory, "*.der"))
	if err != nil || len(files) != len(rows)-1 {
		t.Errorf("%d certificates, and %d rows for them (%v)", len(files), len(rows)-1, err)
	}
	for _, row := range rows[1:] {
		want := map[string]string{}
		for i, column := range rows[0] {
			want[column] = row[i]
		}
		der, err := os.ReadFile(filepath.Join(directory, want["file"]))
		if err != nil {
			t.Fatal(err)
		}
		got, err := wpj.ParseCertificate(der)
		if err != nil || want["error"] != "" {
			if err == nil || err.Error() != want["error"] {
				t.Errorf("%s: %v, want %q", want["file"], err, want["error"])
			}
			continue
		}
		for column, value := range map[string]string{
			"device id": string(got.DeviceID), "tenant id": string(got.TenantID),
			"user object id": string(got.UserObjectID),
			"join type":      string(got.JoinType), "region": got.TenantRegion, "serial number": got.SerialNumber,
			"not before": got.NotBefore.Format(time.RFC3339), "not after": got.NotAfter.Format(time.RFC3339),
			"thumbprint": string(got.Thumbprint), "public key hash": got.PublicKeyHash,
		} {
			if value != want[column] {
				t.Errorf("%s: %s: %q, want %q", want["file"], column, value, want[column])
			}
		}
		if got.PublicKey == nil {
			t.Errorf("%s: no public key", want["file"])
		}
	}
}
