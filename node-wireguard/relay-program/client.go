package main

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

const (
	dialTime    = 4 * time.Second
	firstPause  = 250 * time.Millisecond
	longestWait = 5 * time.Second
)

// clientCommand changes what it names.
type clientCommand struct {
	Configure *clientConfiguration `json:"configure"`
	// Which way the device's datagrams take: "tls", or "udp" by this program's own socket.
	Carry string `json:"carry"`
	// How often UDP is tried while TLS carries; absent leaves it, 0 never tries.
	TryEveryMilliseconds *int64 `json:"tryEveryMilliseconds"`
}

type clientConfiguration struct {
	// Where the other side's relay listens; tried in turn.
	Addresses  []string `json:"addresses"`
	ServerName string   `json:"serverName"`
	identityFiles
	// Public key of the device at the other side.
	Link string `json:"link"`
	// Where that device is reached by UDP; absent when it is not.
	UDP *netip.AddrPort `json:"udp"`
}

type client struct {
	local *datagrams
	// The device, as it was last heard from.
	device  atomic.Pointer[netip.AddrPort]
	stream  atomic.Pointer[stream]
	outside atomic.Pointer[outside]
	byUDP   atomic.Bool
	trial   *trial
	lost    atomic.Uint64
	sent    atomic.Uint64
	got     atomic.Uint64

	lock          sync.Mutex
	configuration *clientConfiguration
	redial        context.CancelFunc
}

func newClient(port uint16) (*client, error) {
	local, err := openDatagrams("udp4", loopback(port))
	if err != nil && port != 0 {
		local, err = openDatagrams("udp4", loopback(0))
	}
	if err != nil {
		return nil, err
	}
	c := &client{local: local, trial: newTrial()}
	say(event{Event: "listening", Address: local.socket.LocalAddr().String()})
	go c.fromDevice()
	go c.count()
	return c, nil
}

func (c *client) obey(command clientCommand) error {
	if command.TryEveryMilliseconds != nil {
		c.trial.every.Store(*command.TryEveryMilliseconds * int64(time.Millisecond))
	}
	switch command.Carry {
	case "tls":
		if c.byUDP.Swap(false) {
			c.trial.begin()
		}
	case "udp":
		c.byUDP.Store(true)
		go c.tellWhenQuiet()
	}
	if command.Configure == nil {
		return nil
	}
	return c.configure(command.Configure)
}

func (c *client) configure(next *clientConfiguration) error {
	if key, err := base64.StdEncoding.DecodeString(next.Link); err != nil || len(key) != keyBytes {
		return errors.New("link is not a public key")
	}
	if err := c.openOutside(next.UDP); err != nil {
		return err
	}
	c.lock.Lock()
	defer c.lock.Unlock()
	running := c.configuration != nil
	c.configuration = next
	if !running {
		go c.stayConnected()
	} else if c.redial != nil {
		c.redial()
	}
	return nil
}

// stayConnected dials for ever, the next address each time.
func (c *client) stayConnected() {
	pause := firstPause
	for count := 0; ; count++ {
		c.lock.Lock()
		configuration := *c.configuration
		context, cancel := context.WithCancel(context.Background())
		c.redial = cancel
		c.lock.Unlock()
		began := time.Now()
		err := errors.New("no address is known")
		if len(configuration.Addresses) > 0 {
			err = c.connectOnce(context, configuration, configuration.Addresses[count%len(configuration.Addresses)])
		}
		say(event{Event: "disconnected", Reason: err.Error()})
		if time.Since(began) > longestWait {
			pause = firstPause
		}
		select {
		case <-context.Done():
		case <-time.After(pause/2 + rand.N(pause/2)):
		}
		cancel()
		pause = min(2*pause, longestWait)
	}
}

// connectOnce carries until the connection ends, and gives the reason.
func (c *client) connectOnce(context context.Context, configuration clientConfiguration, address string) error {
	conn, stream, err := dial(context, configuration, address)
	if err != nil {
		return err
	}
	defer conn.Close()
	done := make(chan struct{})
	defer close(done)
	go stream.keepAlive(done)
	connected := false
	defer c.stream.CompareAndSwap(stream, nil)
	buffer := make([]byte, headerBytes+longestPayloadBytes)
	to := newSender(c.local)
	for {
		segmentBytes, payload, err := stream.readFrame(buffer)
		if err != nil {
			return err
		}
		if !connected {
			connected = true
			c.stream.Store(stream)
			say(event{Event: "connected", Address: address})
		}
		if len(payload) > 0 {
			c.trial.heard(payload)
			if c.byUDP.Load() {
				c.trial.used()
			}
			c.toDevice(to, payload, segmentBytes)
		}
	}
}

func dial(context context.Context, configuration clientConfiguration, address string) (net.Conn, *stream, error) {
	certificate, err := configuration.certificate()
	if err != nil {
		return nil, nil, err
	}
	authorities, err := configuration.authorities()
	if err != nil {
		return nil, nil, err
	}
	dialer := net.Dialer{Timeout: dialTime}
	conn, err := dialer.DialContext(context, "tcp", address)
	if err != nil {
		return nil, nil, err
	}
	tune(conn.(*net.TCPConn))
	_ = conn.SetDeadline(time.Now().Add(dialTime))
	settings := baseConfiguration()
	settings.ServerName = configuration.ServerName
	settings.RootCAs = authorities
	if certificate != nil {
		settings.Certificates = []tls.Certificate{*certificate}
	}
	output := newFlushedConn(conn)
	secure := tls.Client(output, settings)
	if err := secure.HandshakeContext(context); err != nil {
		_ = conn.Close()
		return nil, nil, err
	}
	if secure.ConnectionState().NegotiatedProtocol != protocolName {
		_ = conn.Close()
		return nil, nil, errors.New("what listens there is not a relay")
	}
	_ = conn.SetDeadline(time.Time{})
	stream := newStream(secure, output)
	key, _ := base64.StdEncoding.DecodeString(configuration.Link)
	frame := append(make([]byte, headerBytes), key...)
	if err := stream.writeFrame(frame, keyBytes, keyBytes); err != nil {
		_ = conn.Close()
		return nil, nil, err
	}
	return conn, stream, nil
}

// fromDevice carries what the device gives, by the way that carries now.
func (c *client) fromDevice() {
	buffer := make([]byte, headerBytes+longestPayloadBytes)
	for {
		segmentBytes, payloadBytes, from, err := c.local.receive(buffer[headerBytes:])
		if err != nil {
			continue
		}
		if known := c.device.Load(); known == nil || *known != from {
			c.device.Store(&from)
		}
		payload := buffer[headerBytes : headerBytes+payloadBytes]
		c.sent.Add(uint64(payloadBytes))
		outside, stream := c.outside.Load(), c.stream.Load()
		if c.byUDP.Load() && outside != nil {
			c.trial.used()
			outside.send(payload, segmentBytes)
			continue
		}
		if stream == nil {
			c.lost.Add(uint64((payloadBytes + segmentBytes - 1) / segmentBytes))
			continue
		}
		if outside != nil && c.trial.due(payload[:segmentBytes]) {
			outside.send(payload[:segmentBytes], segmentBytes)
		}
		if stream.writeFrame(buffer, segmentBytes, payloadBytes) != nil {
			c.stream.CompareAndSwap(stream, nil)
			_ = stream.output.Close()
		}
	}
}

func (c *client) toDevice(to *sender, payload []byte, segmentBytes int) {
	c.got.Add(uint64(len(payload)))
	if device := c.device.Load(); device != nil {
		to.send(payload, segmentBytes, *device)
	}
}
