package main

import (
	"bufio"
	"crypto/tls"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// How much may lie in the kernel without having been sent: more would only wait there.
	unsentBytes     = 128 << 10
	readBufferBytes = 64 << 10
	// An end that has said nothing for so long says that it lives.
	signOfLifeAfter = 1500 * time.Millisecond
	// An end of which nothing was heard for so long is taken for dead.
	deadAfter = 5 * time.Second
)

// stream is one TLS connection that carries frames.
type stream struct {
	secure  *tls.Conn
	output  *flushedConn
	writing sync.Mutex
	// When something was written last, in nanoseconds of the monotonic clock.
	wrote         atomic.Int64
	sentBytes     atomic.Uint64
	receivedBytes atomic.Uint64
}

// flushedConn gathers the records of one frame, so that one call of the kernel sends them, and reads many at once.
type flushedConn struct {
	net.Conn
	reader *bufio.Reader
	// Whoever reads may have to answer for TLS itself, while another writes.
	lock    sync.Mutex
	pending []byte
	// Whether the handshake is over: records are gathered then, and silence ends the connection.
	settled bool
}

func newFlushedConn(conn net.Conn) *flushedConn {
	c := &flushedConn{Conn: conn}
	c.reader = bufio.NewReaderSize(impatient{c}, readBufferBytes)
	return c
}

// impatient gives up when nothing at all comes for too long.
type impatient struct{ conn *flushedConn }

func (i impatient) Read(buffer []byte) (int, error) {
	if i.conn.settled {
		_ = i.conn.SetReadDeadline(time.Now().Add(deadAfter))
	}
	return i.conn.Conn.Read(buffer)
}

func (c *flushedConn) Read(buffer []byte) (int, error) { return c.reader.Read(buffer) }

func (c *flushedConn) Write(bytes []byte) (int, error) {
	if !c.settled {
		return c.Conn.Write(bytes)
	}
	c.lock.Lock()
	defer c.lock.Unlock()
	c.pending = append(c.pending, bytes...)
	return len(bytes), nil
}

func (c *flushedConn) flush() error {
	c.lock.Lock()
	defer c.lock.Unlock()
	_, err := c.Conn.Write(c.pending)
	c.pending = c.pending[:0]
	return err
}

var began = time.Now()

func monotonic() int64 { return int64(time.Since(began)) }

// tune keeps latency low: nothing waits for more to come, and little waits in the kernel.
func tune(conn *net.TCPConn) {
	_ = conn.SetNoDelay(true)
	raw, err := conn.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(descriptor uintptr) {
		_ = unix.SetsockoptInt(int(descriptor), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsentBytes)
		_ = unix.SetsockoptInt(int(descriptor), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(deadAfter.Milliseconds()))
	})
}

// newStream takes over a connection when both sides have shown who they are.
func newStream(secure *tls.Conn, output *flushedConn) *stream {
	output.settled = true
	s := &stream{secure: secure, output: output}
	s.wrote.Store(monotonic())
	return s
}

// writeFrame sends the frame that lies in buffer behind room for its head.
func (s *stream) writeFrame(buffer []byte, segmentBytes, payloadBytes int) error {
	putHeader(buffer, segmentBytes, payloadBytes)
	s.writing.Lock()
	defer s.writing.Unlock()
	_ = s.output.SetWriteDeadline(time.Now().Add(deadAfter))
	if _, err := s.secure.Write(buffer[:headerBytes+payloadBytes]); err != nil {
		return err
	}
	s.wrote.Store(monotonic())
	s.sentBytes.Add(uint64(payloadBytes))
	return s.output.flush()
}

// readFrame reads the next frame; fails when nothing comes for too long.
func (s *stream) readFrame(buffer []byte) (int, []byte, error) {
	segmentBytes, payload, err := readFrame(s.secure, buffer)
	s.receivedBytes.Add(uint64(len(payload)))
	return segmentBytes, payload, err
}

// keepAlive says that this end lives whenever it has said nothing for a while, until done.
func (s *stream) keepAlive(done <-chan struct{}) {
	ticker := time.NewTicker(signOfLifeAfter / 2)
	defer ticker.Stop()
	empty := make([]byte, headerBytes)
	for {
		select {
		case <-done:
			return
		case <-ticker.C:
			if monotonic()-s.wrote.Load() >= int64(signOfLifeAfter) {
				if s.writeFrame(empty, 0, 0) != nil {
					return
				}
			}
		}
	}
}
