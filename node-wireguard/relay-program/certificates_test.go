package main

import (
	"bytes"
	"crypto/x509"
	"os"
	"testing"
	"time"
)

func TestChangedFilesAreTakenAndBrokenOnesLeaveWhatWasThere(t *testing.T) {
	signer, folder := newAuthority(t), t.TempDir()
	files := signer.issue(t, folder, x509.ExtKeyUsageServerAuth, signer)
	var reports []error
	identity, err := newServerIdentity(files, func(err error) { reports = append(reports, err) })
	must(t, err)
	now := func() []byte {
		identity.lookedAt = time.Now().Add(-2 * lookAgainAfter)
		return identity.configuration().Certificates[0].Certificate[0]
	}
	first := now()
	if len(reports) != 0 {
		t.Fatalf("nothing has changed, and there are reports: %v", reports)
	}
	must(t, os.WriteFile(files.KeyFile, []byte("half of"), 0o600))
	if !bytes.Equal(now(), first) || len(reports) != 1 || reports[0] == nil {
		t.Fatalf("a broken key: %v", reports)
	}
	signer.issue(t, folder, x509.ExtKeyUsageServerAuth, signer)
	if bytes.Equal(now(), first) || len(reports) != 2 || reports[1] != nil {
		t.Fatalf("a new pair: %v", reports)
	}
}

func TestAListenerNeedsACertificateThatFitsItsKey(t *testing.T) {
	signer := newAuthority(t)
	one := signer.issue(t, t.TempDir(), x509.ExtKeyUsageServerAuth, signer)
	other := signer.issue(t, t.TempDir(), x509.ExtKeyUsageServerAuth, signer)
	for name, files := range map[string]identityFiles{
		"none":           {},
		"no key":         {CertificateFile: one.CertificateFile},
		"another key":    {CertificateFile: one.CertificateFile, KeyFile: other.KeyFile},
		"no authority":   {CertificateFile: one.CertificateFile, KeyFile: one.KeyFile, CAFile: one.KeyFile},
		"not even files": {CertificateFile: "/nowhere/tls.crt", KeyFile: "/nowhere/tls.key"},
	} {
		if _, err := newServerIdentity(files, func(error) {}); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
