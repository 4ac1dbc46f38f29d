package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"
)

const never = 20 * time.Second

// site is a server with one link, behind which there is a socket in place of a device.
type site struct {
	address string
	server  *server
	device  *net.UDPConn
	key     []byte
	signer  *authority
	client  identityFiles
}

func newSite(t *testing.T) *site {
	t.Helper()
	signer := newAuthority(t)
	device, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(loopback(0)))
	must(t, err)
	t.Cleanup(func() { _ = device.Close() })
	s := &site{
		server: newServer(), device: device, key: bytes.Repeat([]byte{7}, keyBytes), signer: signer,
		client: signer.issue(t, t.TempDir(), x509.ExtKeyUsageClientAuth, signer),
	}
	must(t, s.server.obey(serverCommand{
		Listen:        "127.0.0.1:0",
		identityFiles: signer.issue(t, t.TempDir(), x509.ExtKeyUsageServerAuth, signer),
		Links: map[string]netip.AddrPort{
			base64.StdEncoding.EncodeToString(s.key): device.LocalAddr().(*net.UDPAddr).AddrPort(),
		},
	}))
	s.address = s.server.listener.Addr().String()
	t.Cleanup(func() { _ = s.server.listener.Close() })
	return s
}

// settings are those of a client that is let in.
func (s *site) settings(t *testing.T) *tls.Config {
	t.Helper()
	certificate, err := s.client.certificate()
	must(t, err)
	authorities, err := s.client.authorities()
	must(t, err)
	settings := baseConfiguration()
	settings.ServerName, settings.RootCAs = serverName, authorities
	settings.Certificates = []tls.Certificate{*certificate}
	return settings
}

// enter connects, says which link it means, and waits for the answer.
func (s *site) enter(t *testing.T, settings *tls.Config, firstFrame []byte) (*tls.Conn, error) {
	t.Helper()
	conn, err := tls.Dial("tcp", s.address, settings)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(never))
	if _, err := conn.Write(firstFrame); err != nil {
		return nil, err
	}
	segmentBytes, payload, err := readFrame(conn, make([]byte, 100))
	if err == nil && (segmentBytes != 0 || len(payload) != 0) {
		return nil, errors.New("that was no sign of life")
	}
	return conn, err
}

func TestDatagramsPassInBothDirections(t *testing.T) {
	s := newSite(t)
	conn, err := s.enter(t, s.settings(t), frameOf(keyBytes, s.key))
	must(t, err)
	_, err = conn.Write(frameOf(4, []byte("one-two-end")))
	must(t, err)
	buffer := make([]byte, 100)
	_ = s.device.SetDeadline(time.Now().Add(never))
	var from netip.AddrPort
	for _, want := range []string{"one-", "two-", "end"} {
		n, sender, err := s.device.ReadFromUDPAddrPort(buffer)
		if err != nil || string(buffer[:n]) != want {
			t.Fatalf("got %q, %v; want %q", buffer[:n], err, want)
		}
		from = sender
	}
	_, err = s.device.WriteToUDPAddrPort([]byte("back"), from)
	must(t, err)
	for {
		_, payload, err := readFrame(conn, buffer)
		must(t, err)
		if len(payload) > 0 {
			if string(payload) != "back" {
				t.Fatalf("got %q", payload)
			}
			return
		}
	}
}

func TestStrangersAreRefused(t *testing.T) {
	s := newSite(t)
	key := frameOf(keyBytes, s.key)
	others := newAuthority(t)
	foreign, err := others.issue(t, t.TempDir(), x509.ExtKeyUsageClientAuth, others).certificate()
	must(t, err)
	server, err := s.signer.issue(t, t.TempDir(), x509.ExtKeyUsageServerAuth, s.signer).certificate()
	must(t, err)
	for name, stranger := range map[string]struct {
		change func(*tls.Config)
		frame  []byte
	}{
		"no certificate":                   {func(c *tls.Config) { c.Certificates = nil }, key},
		"a certificate of somebody else's": {func(c *tls.Config) { c.Certificates = []tls.Certificate{*foreign} }, key},
		"a certificate of a server":        {func(c *tls.Config) { c.Certificates = []tls.Certificate{*server} }, key},
		"another protocol":                 {func(c *tls.Config) { c.NextProtos = []string{"h2"} }, key},
		"no protocol":                      {func(c *tls.Config) { c.NextProtos = nil }, key},
		"an older TLS": {func(c *tls.Config) {
			c.MinVersion, c.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
		}, key},
		"an unknown link":        {func(*tls.Config) {}, frameOf(keyBytes, bytes.Repeat([]byte{8}, keyBytes))},
		"no key":                 {func(*tls.Config) {}, frameOf(0, nil)},
		"a key that is short":    {func(*tls.Config) {}, frameOf(4, []byte("key!"))},
		"more than a key":        {func(*tls.Config) {}, frameOf(keyBytes+1, make([]byte, keyBytes+1))},
		"something without form": {func(*tls.Config) {}, []byte("GET / HTTP/1.1\r\n\r\n")},
	} {
		settings := s.settings(t)
		stranger.change(settings)
		if _, err := s.enter(t, settings, stranger.frame); err == nil {
			t.Errorf("%s: let in", name)
		}
	}
	if _, err := s.enter(t, s.settings(t), key); err != nil {
		t.Errorf("whoever should be let in is not: %v", err)
	}
}

// closed waits until the other side has closed the connection.
func closed(t *testing.T, conn net.Conn) {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(never))
	_, err := io.Copy(io.Discard, conn)
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		t.Fatal("it stays open")
	}
}

func TestTheOldestOfThoseWhoSayNothingMakesWay(t *testing.T) {
	s := newSite(t)
	var silent []net.Conn
	for range mostPending + 2 {
		conn, err := net.Dial("tcp", s.address)
		must(t, err)
		defer conn.Close()
		silent = append(silent, conn)
	}
	began := time.Now()
	closed(t, silent[0])
	closed(t, silent[1])
	if waited := time.Since(began); waited >= handshakeTime {
		t.Errorf("they were closed after %v, as anybody is who says nothing", waited)
	}
	if _, err := s.enter(t, s.settings(t), frameOf(keyBytes, s.key)); err != nil {
		t.Errorf("nobody is let in beside them: %v", err)
	}
}

func TestTheOldestConnectionOfALinkMakesWay(t *testing.T) {
	s := newSite(t)
	var conns []*tls.Conn
	for range mostPerLink + 1 {
		conn, err := s.enter(t, s.settings(t), frameOf(keyBytes, s.key))
		must(t, err)
		conns = append(conns, conn)
	}
	closed(t, conns[0])
	_, err := conns[mostPerLink].Write(frameOf(4, []byte("last")))
	must(t, err)
	buffer := make([]byte, 10)
	_ = s.device.SetDeadline(time.Now().Add(never))
	if n, err := s.device.Read(buffer); err != nil || string(buffer[:n]) != "last" {
		t.Fatalf("got %q, %v", buffer[:n], err)
	}
}

func TestALinkThatIsTakenAwayEndsItsConnections(t *testing.T) {
	s := newSite(t)
	conn, err := s.enter(t, s.settings(t), frameOf(keyBytes, s.key))
	must(t, err)
	must(t, s.server.obey(serverCommand{Listen: "127.0.0.1:0", identityFiles: s.server.identity.files}))
	closed(t, conn)
	if _, err := s.enter(t, s.settings(t), frameOf(keyBytes, s.key)); err == nil {
		t.Error("it is let in again")
	}
}
