package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// identityFiles names PEM files: a certificate with its key, and the authorities that sign the other side's.
type identityFiles struct {
	CertificateFile string `json:"certificateFile"`
	KeyFile         string `json:"keyFile"`
	CAFile          string `json:"caFile"`
}

// certificate reads the certificate and its key; nil when none is named.
func (files identityFiles) certificate() (*tls.Certificate, error) {
	if files.CertificateFile == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(files.CertificateFile, files.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("certificate %s: %w", files.CertificateFile, err)
	}
	return &pair, nil
}

// authorities reads who may sign the other side's certificate; nil when no file is named.
func (files identityFiles) authorities() (*x509.CertPool, error) {
	if files.CAFile == "" {
		return nil, nil
	}
	text, err := os.ReadFile(files.CAFile)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificate", files.CAFile)
	}
	return pool, nil
}

// stamp tells whether one of the files is another than before.
func (files identityFiles) stamp() string {
	text := ""
	for _, name := range []string{files.CertificateFile, files.KeyFile, files.CAFile} {
		if name == "" {
			continue
		}
		if info, err := os.Stat(name); err == nil {
			text += fmt.Sprintf("%s %d %d;", name, info.ModTime().UnixNano(), info.Size())
		}
	}
	return text
}

// protocolName is what both sides name in the handshake, so that whatever else listens on a port is not mistaken for a relay.
const protocolName = "trellis-vpn/1"

func baseConfiguration() *tls.Config {
	return &tls.Config{
		MinVersion:                  tls.VersionTLS13,
		NextProtos:                  []string{protocolName},
		DynamicRecordSizingDisabled: true,
		SessionTicketsDisabled:      true,
	}
}

var errNoIdentity = errors.New("a listener needs certificateFile and keyFile")

// serverIdentity gives each handshake the configuration of the files as they are now. Files that cannot be read leave what was read before.
type serverIdentity struct {
	lock     sync.Mutex
	files    identityFiles
	stamp    string
	lookedAt time.Time
	current  *tls.Config
	report   func(error)
}

const lookAgainAfter = time.Second

func newServerIdentity(files identityFiles, report func(error)) (*serverIdentity, error) {
	if files.CertificateFile == "" || files.KeyFile == "" {
		return nil, errNoIdentity
	}
	stamp := files.stamp()
	current, err := serverConfiguration(files)
	if err != nil {
		return nil, err
	}
	return &serverIdentity{files: files, stamp: stamp, lookedAt: time.Now(), current: current, report: report}, nil
}

func serverConfiguration(files identityFiles) (*tls.Config, error) {
	certificate, err := files.certificate()
	if err != nil {
		return nil, err
	}
	authorities, err := files.authorities()
	if err != nil {
		return nil, err
	}
	configuration := baseConfiguration()
	configuration.Certificates = []tls.Certificate{*certificate}
	if authorities != nil {
		configuration.ClientCAs = authorities
		configuration.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return configuration, nil
}

func (identity *serverIdentity) configuration() *tls.Config {
	identity.lock.Lock()
	defer identity.lock.Unlock()
	if time.Since(identity.lookedAt) < lookAgainAfter {
		return identity.current
	}
	identity.lookedAt = time.Now()
	stamp := identity.files.stamp()
	if stamp == identity.stamp {
		return identity.current
	}
	next, err := serverConfiguration(identity.files)
	if err != nil {
		// Perhaps half of the files are written: they are looked at again.
		identity.report(err)
		return identity.current
	}
	identity.stamp, identity.current = stamp, next
	identity.report(nil)
	return next
}
