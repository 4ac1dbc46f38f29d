package main

import (
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	handshakeTime = 5 * time.Second
	// Connections whose other side has not shown yet who it is; the oldest goes when there are more.
	mostPending = 64
	// Connections of one link: one that is in use, and others whose end has not shown yet. The oldest goes when there are more.
	mostPerLink = 3
	mostOpen    = 256
	// A connection that carries nothing but signs of life for so long is closed.
	idleAfter = 10 * time.Minute
	keyBytes  = 32
)

// serverCommand says all there is to know; a later one replaces it.
type serverCommand struct {
	Listen string `json:"listen"`
	identityFiles
	// Where the device of each link listens, by its public key.
	Links map[string]netip.AddrPort `json:"links"`
}

type server struct {
	lock     sync.Mutex
	listener net.Listener
	listen   string
	identity *serverIdentity
	links    map[string]netip.AddrPort
	pending  []net.Conn
	open     map[string][]*served
	count    int
	refusals refusals
}

// served is an open connection of a link.
type served struct {
	conn   net.Conn
	device netip.AddrPort
}

func newServer() *server {
	s := &server{open: map[string][]*served{}}
	go s.refusals.tell()
	return s
}

// refusals gathers what would otherwise be a line for every stranger.
type refusals struct {
	lock sync.Mutex
	last event
}

const tellRefusalsEvery = 200 * time.Millisecond

func (r *refusals) add(refusal event) {
	r.lock.Lock()
	defer r.lock.Unlock()
	refusal.Event, refusal.Count = "refused", r.last.Count+1
	r.last = refusal
}

func (r *refusals) tell() {
	for range time.Tick(tellRefusalsEvery) {
		r.lock.Lock()
		last := r.last
		r.last = event{}
		r.lock.Unlock()
		if last.Count > 0 {
			say(last)
		}
	}
}

// report tells what is not in force, and that all is in force (nil).
func report(err error) {
	if err == nil {
		say(event{Event: "resolved"})
		return
	}
	say(event{Event: "problem", Reason: err.Error()})
}

// obey does what the command says. Once there is a listener, what cannot be done is told, and what was stays.
func (s *server) obey(command serverCommand) error {
	s.lock.Lock()
	defer s.lock.Unlock()
	err := s.change(command)
	if s.listener == nil {
		return err
	}
	report(err)
	return nil
}

func (s *server) change(command serverCommand) error {
	s.links = command.Links
	for link, connections := range s.open {
		for _, connection := range connections {
			if s.links[link] != connection.device {
				_ = connection.conn.Close()
			}
		}
	}
	if s.identity == nil || s.identity.files != command.identityFiles {
		identity, err := newServerIdentity(command.identityFiles, report)
		if err != nil {
			return err
		}
		s.identity = identity
	}
	if s.listen == command.Listen {
		return nil
	}
	listener, err := net.Listen("tcp", command.Listen)
	if err != nil {
		return err
	}
	if s.listener != nil {
		_ = s.listener.Close()
	}
	s.listener, s.listen = listener, command.Listen
	say(event{Event: "listening", Address: listener.Addr().String()})
	go s.accept(listener)
	return nil
}

func (s *server) accept(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			// No descriptors, for one: it passes.
			time.Sleep(100 * time.Millisecond)
			continue
		}
		s.welcome(conn)
		go s.serve(conn.(*net.TCPConn))
	}
}

// welcome takes note of a connection of which nothing is known; the oldest such goes when there are too many.
func (s *server) welcome(conn net.Conn) {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.pending = append(s.pending, conn)
	if len(s.pending) > mostPending {
		_ = s.pending[0].Close()
		s.pending = s.pending[1:]
	}
}

func (s *server) known(conn net.Conn) {
	for index, one := range s.pending {
		if one == conn {
			s.pending = append(s.pending[:index], s.pending[index+1:]...)
			return
		}
	}
}

func (s *server) serve(conn *net.TCPConn) {
	defer conn.Close()
	address := conn.RemoteAddr().String()
	stream, link, device, err := s.greet(conn)
	if err != nil {
		s.lock.Lock()
		s.known(conn)
		s.lock.Unlock()
		s.refusals.add(event{Address: address, Link: link, Reason: err.Error()})
		return
	}
	me := &served{conn: conn, device: device}
	if err := s.enter(link, me); err != nil {
		s.refusals.add(event{Address: address, Link: link, Reason: err.Error()})
		return
	}
	say(event{Event: "opened", Address: address, Link: link})
	dropped, err := pump(stream, device)
	s.leave(link, me)
	say(event{
		Event: "closed", Address: address, Link: link, Reason: err.Error(),
		SentBytes: stream.sentBytes.Load(), ReceivedBytes: stream.receivedBytes.Load(), Dropped: dropped,
	})
}

// greet does the handshake and reads which link is meant.
func (s *server) greet(conn *net.TCPConn) (*stream, string, netip.AddrPort, error) {
	var device netip.AddrPort
	tune(conn)
	_ = conn.SetDeadline(time.Now().Add(handshakeTime))
	output := newFlushedConn(conn)
	s.lock.Lock()
	identity := s.identity
	s.lock.Unlock()
	secure := tls.Server(output, identity.configuration())
	if err := secure.Handshake(); err != nil {
		return nil, "", device, err
	}
	if secure.ConnectionState().NegotiatedProtocol != protocolName {
		return nil, "", device, fmt.Errorf("the other side does not speak %s", protocolName)
	}
	_, key, err := readFrame(secure, make([]byte, keyBytes))
	if err != nil {
		return nil, "", device, err
	}
	if len(key) != keyBytes {
		return nil, "", device, errFrame
	}
	link := base64.StdEncoding.EncodeToString(key)
	s.lock.Lock()
	device, exists := s.links[link]
	s.lock.Unlock()
	if !exists {
		return nil, link, device, errors.New("there is no such link")
	}
	_ = conn.SetDeadline(time.Time{})
	stream := newStream(secure, output)
	// Says that the link is there.
	return stream, link, device, stream.writeFrame(make([]byte, headerBytes), 0, 0)
}

func (s *server) enter(link string, me *served) error {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.known(me.conn)
	if s.count >= mostOpen {
		return errors.New("there are too many connections")
	}
	if s.links[link] != me.device {
		return errors.New("the link has just gone")
	}
	s.count++
	s.open[link] = append(s.open[link], me)
	if len(s.open[link]) > mostPerLink {
		_ = s.open[link][0].conn.Close()
	}
	return nil
}

func (s *server) leave(link string, me *served) {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.count--
	for index, one := range s.open[link] {
		if one == me {
			s.open[link] = append(s.open[link][:index], s.open[link][index+1:]...)
			break
		}
	}
	if len(s.open[link]) == 0 {
		delete(s.open, link)
	}
}

// pump carries datagrams between the connection and the device until one of them ends. Gives how many were dropped, and why it ended.
func pump(stream *stream, device netip.AddrPort) (uint64, error) {
	local, err := openDatagrams("udp4", loopback(0))
	if err != nil {
		return 0, err
	}
	done := make(chan struct{})
	defer close(done)
	defer local.socket.Close()
	go stream.keepAlive(done)
	go fromDevice(stream, local, device)
	err = toDevice(stream, local, device)
	return local.dropped(), err
}

// fromDevice ends when the socket is closed or the connection fails.
func fromDevice(stream *stream, local *datagrams, device netip.AddrPort) {
	buffer := make([]byte, headerBytes+longestPayloadBytes)
	for {
		segmentBytes, payloadBytes, from, err := local.receive(buffer[headerBytes:])
		if errors.Is(err, net.ErrClosed) {
			return
		}
		// A device that is not there is told by an error of the socket.
		if err != nil || from != device {
			continue
		}
		if stream.writeFrame(buffer, segmentBytes, payloadBytes) != nil {
			_ = stream.output.Close()
			return
		}
	}
}

func toDevice(stream *stream, local *datagrams, device netip.AddrPort) error {
	buffer := make([]byte, headerBytes+longestPayloadBytes)
	to := newSender(local)
	last := time.Now()
	for {
		segmentBytes, payload, err := stream.readFrame(buffer)
		if err != nil {
			return err
		}
		if len(payload) > 0 {
			last = time.Now()
			to.send(payload, segmentBytes, device)
		} else if time.Since(last) > idleAfter {
			return errors.New("it carried nothing for too long")
		}
	}
}
