package main

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// The queue in front of a full TCP connection; what does not fit is dropped by the kernel.
	receiveBufferBytes = 1 << 20
	sendBufferBytes    = 4 << 20
	// A datagram that has waited this long is worth nothing to whoever speaks through the tunnel.
	staleAfter   = 300 * time.Millisecond
	controlBytes = 128
)

// datagrams is a UDP socket that hands over and takes many datagrams of one size by one call of the kernel, where it can.
type datagrams struct {
	socket  *net.UDPConn
	control []byte
	// How many datagrams were dropped, by the kernel because the queue was full, or because they had waited too long.
	overflowed atomic.Uint32
	stale      atomic.Uint64
	segments   bool
}

func loopback(port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port)
}

// openDatagrams binds a socket to the address; port 0 takes a free one.
func openDatagrams(network string, address netip.AddrPort) (*datagrams, error) {
	d := &datagrams{control: make([]byte, controlBytes)}
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(descriptor uintptr) { d.segments = prepare(int(descriptor)) })
	}}
	packets, err := config.ListenPacket(context.Background(), network, address.String())
	if err != nil {
		return nil, err
	}
	d.socket = packets.(*net.UDPConn)
	return d, nil
}

// prepare sets what makes the socket fast; each is a favour that an old kernel may refuse. Says whether segments can be sent at once.
func prepare(descriptor int) bool {
	set := func(option, value int) error {
		return unix.SetsockoptInt(descriptor, unix.SOL_SOCKET, option, value)
	}
	// Without NET_ADMIN the machine's limits hold.
	if set(unix.SO_RCVBUFFORCE, receiveBufferBytes) != nil {
		_ = set(unix.SO_RCVBUF, receiveBufferBytes)
	}
	if set(unix.SO_SNDBUFFORCE, sendBufferBytes) != nil {
		_ = set(unix.SO_SNDBUF, sendBufferBytes)
	}
	_ = set(unix.SO_RXQ_OVFL, 1)
	_ = set(unix.SO_TIMESTAMPNS, 1)
	_ = unix.SetsockoptInt(descriptor, unix.SOL_UDP, unix.UDP_GRO, 1)
	_, err := unix.GetsockoptInt(descriptor, unix.SOL_UDP, unix.UDP_SEGMENT)
	return err == nil
}

// receive waits for datagrams, puts them into buffer one after the other, and gives the length of each but the last, of all, and their sender. Those that
// have waited too long are passed over.
func (d *datagrams) receive(buffer []byte) (segmentBytes, payloadBytes int, from netip.AddrPort, err error) {
	for {
		n, controlLength, _, sender, err := d.socket.ReadMsgUDPAddrPort(buffer, d.control)
		if err != nil {
			return 0, 0, sender, err
		}
		told := readControl(d.control[:controlLength])
		if told.overflowed != 0 {
			d.overflowed.Store(told.overflowed)
		}
		segmentBytes = told.segmentBytes
		if segmentBytes == 0 || segmentBytes > n {
			segmentBytes = n
		}
		if n == 0 {
			continue
		}
		if !told.arrived.IsZero() && time.Since(told.arrived) > staleAfter {
			d.stale.Add(uint64((n + segmentBytes - 1) / segmentBytes))
			continue
		}
		return segmentBytes, n, sender, nil
	}
}

// dropped counts what this socket has not handed over.
func (d *datagrams) dropped() uint64 { return uint64(d.overflowed.Load()) + d.stale.Load() }

// told is what the kernel says beside the bytes of a message.
type told struct {
	segmentBytes int
	overflowed   uint32
	arrived      time.Time
}

func readControl(control []byte) (result told) {
	for len(control) > 0 {
		header, data, rest, err := unix.ParseOneSocketControlMessage(control)
		if err != nil {
			return result
		}
		control = rest
		switch {
		case header.Level == unix.SOL_UDP && header.Type == unix.UDP_GRO && len(data) >= 2:
			result.segmentBytes = int(binary.NativeEndian.Uint16(data))
		case header.Level == unix.SOL_SOCKET && header.Type == unix.SO_RXQ_OVFL && len(data) >= 4:
			result.overflowed = binary.NativeEndian.Uint32(data)
		case header.Level == unix.SOL_SOCKET && header.Type == unix.SO_TIMESTAMPNS && len(data) >= 16:
			seconds, nanoseconds := binary.NativeEndian.Uint64(data), binary.NativeEndian.Uint64(data[8:])
			result.arrived = time.Unix(int64(seconds), int64(nanoseconds))
		}
	}
	return result
}

// sender writes to one socket from one goroutine.
type sender struct {
	to      *datagrams
	control []byte
}

func newSender(to *datagrams) *sender {
	control := make([]byte, unix.CmsgSpace(2))
	binary.NativeEndian.PutUint64(control, uint64(unix.CmsgLen(2)))
	binary.NativeEndian.PutUint32(control[8:], unix.SOL_UDP)
	binary.NativeEndian.PutUint32(control[12:], unix.UDP_SEGMENT)
	return &sender{to: to, control: control}
}

// send sends the datagrams that lie in payload one after the other. What the kernel does not take is lost, as datagrams may be.
func (s *sender) send(payload []byte, segmentBytes int, address netip.AddrPort) {
	if len(payload) > segmentBytes && s.to.segments {
		binary.NativeEndian.PutUint16(s.control[16:], uint16(segmentBytes))
		if _, _, err := s.to.socket.WriteMsgUDPAddrPort(payload, s.control, address); err == nil {
			return
		}
		// Datagrams longer than the way is wide cannot be segments.
	}
	for len(payload) > 0 {
		length := min(segmentBytes, len(payload))
		_, _ = s.to.socket.WriteToUDPAddrPort(payload[:length], address)
		payload = payload[length:]
	}
}
