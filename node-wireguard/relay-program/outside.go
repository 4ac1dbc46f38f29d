package main

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"time"
)

// outside is the way by UDP to the device at the other side, from a socket of this program's own.
type outside struct {
	datagrams *datagrams
	sender    *sender
	target    netip.AddrPort
}

func (o *outside) send(payload []byte, segmentBytes int) {
	o.sender.send(payload, segmentBytes, o.target)
}

// openOutside takes the socket to another target; does nothing when it is the same.
func (c *client) openOutside(target *netip.AddrPort) error {
	before := c.outside.Load()
	if before != nil && target != nil && before.target == *target {
		return nil
	}
	var next *outside
	if target != nil {
		network, any := "udp4", netip.IPv4Unspecified()
		if target.Addr().Is6() {
			network, any = "udp6", netip.IPv6Unspecified()
		}
		socket, err := openDatagrams(network, netip.AddrPortFrom(any, 0))
		if err != nil {
			return err
		}
		next = &outside{datagrams: socket, sender: newSender(socket), target: *target}
		go c.fromOutside(next)
	}
	c.outside.Store(next)
	if before != nil {
		return before.datagrams.socket.Close()
	}
	return nil
}

// fromOutside hands what comes by UDP to the device, and tells when that shows that UDP works both ways.
func (c *client) fromOutside(o *outside) {
	buffer := make([]byte, longestPayloadBytes)
	to := newSender(c.local)
	for {
		segmentBytes, payloadBytes, from, err := o.datagrams.receive(buffer)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		// A closed port is told by an error of the socket.
		if err != nil || from != o.target {
			continue
		}
		payload := buffer[:payloadBytes]
		if c.byUDP.Load() {
			c.trial.used()
		} else if c.trial.answers(payload) {
			say(event{Event: "udpWorks"})
		}
		c.toDevice(to, payload, segmentBytes)
	}
}

const (
	// The first byte of WireGuard's messages.
	initiationType, responseType, dataType = 1, 2, 4
	// Longer ones would try the width of the way too.
	longestTrialBytes = 200
	// A lost answer to the beginning of a handshake costs the device five seconds, so it is not tried more often.
	initiationEvery = 60 * time.Second
	quietAfter      = 5 * time.Millisecond
	tellQuietEvery  = 200 * time.Millisecond
)

// trial decides which datagrams try whether UDP works, and which show that it does.
type trial struct {
	every          atomic.Int64
	lastTry        int64
	lastInitiation int64
	// What the answer to the handshake that was tried must name.
	initiation atomic.Uint32
	// Number of the session at the device, which only those who see the tunnel's packets know.
	session atomic.Uint32
	// Instant at which the other device was first heard by TLS since that carries, so it sends there; 0 before. Until then it may still send by UDP what was never answered by UDP.
	heardAt atomic.Int64
	// Whether data have tried since then.
	tried    atomic.Bool
	lastUsed atomic.Int64
}

func newTrial() *trial {
	return &trial{lastInitiation: -int64(initiationEvery)}
}

// begin forgets what was seen before TLS carries.
func (t *trial) begin() {
	t.heardAt.Store(0)
	t.tried.Store(false)
}

// heard takes note of what came by TLS.
func (t *trial) heard(payload []byte) {
	if session, is := sessionOf(payload); is {
		t.session.Store(session)
		t.heardAt.CompareAndSwap(0, monotonic())
	}
}

func sessionOf(payload []byte) (uint32, bool) {
	if len(payload) >= 16 && payload[0] == dataType {
		return binary.LittleEndian.Uint32(payload[4:]), true
	}
	return 0, false
}

// due says whether this datagram should go out by UDP too, before it goes by TLS: the other device takes the first that comes and drops the second. Beginnings
// of handshakes are rare, so they do not wait for their turn among the others.
func (t *trial) due(datagram []byte) bool {
	every, now := t.every.Load(), monotonic()
	if every == 0 || len(datagram) < 8 || len(datagram) > longestTrialBytes {
		return false
	}
	switch datagram[0] {
	case dataType:
		heardAt := t.heardAt.Load()
		// What the other device sent by UDP before it was heard has come by the next turn.
		if now-t.lastTry < every || heardAt != 0 && now-heardAt < every {
			return false
		}
		t.lastTry = now
		t.tried.Store(heardAt != 0)
	case initiationType:
		if now-t.lastInitiation < max(every, int64(initiationEvery)) {
			return false
		}
		t.lastInitiation = now
		t.initiation.Store(binary.LittleEndian.Uint32(datagram[4:]))
	default:
		return false
	}
	return true
}

// answers says whether what came by UDP shows that a try has arrived. It is the other device's when it names the session or the handshake that was tried, which nobody beside the way can guess;
// and that device sends data by UDP again only because a try has reached it, once it has sent them by TLS.
func (t *trial) answers(payload []byte) bool {
	if session, is := sessionOf(payload); is {
		return session == t.session.Load() && t.tried.Load()
	}
	return len(payload) >= 12 && payload[0] == responseType &&
		binary.LittleEndian.Uint32(payload[8:]) == t.initiation.Load()
}

func (t *trial) used() { t.lastUsed.Store(monotonic()) }

// tellWhenQuiet says "quiet" whenever nothing has passed through this program's own socket for a moment, for as long as UDP carries: then the device can be
// pointed at the other one without anything being on its way that would point it back.
func (c *client) tellWhenQuiet() {
	told := int64(-1)
	for c.byUDP.Load() {
		used, now := c.trial.lastUsed.Load(), monotonic()
		if now-used >= int64(quietAfter) && told != used {
			say(event{Event: "quiet"})
			told = used
			time.Sleep(tellQuietEvery)
			continue
		}
		time.Sleep(quietAfter / 2)
	}
}

const countEvery = 2 * time.Second

// count tells the sums when they have changed.
func (c *client) count() {
	var before event
	for range time.Tick(countEvery) {
		now := event{
			Event: "counters", SentBytes: c.sent.Load(), ReceivedBytes: c.got.Load(),
			Dropped: c.lost.Load() + c.local.dropped(),
		}
		if now != before {
			say(now)
			before = now
		}
	}
}
