package device

import (
	"fmt"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// Address space of one buffer: the smallest whole number of pages that holds a message.
	messageBufferSpace = 1 << 16
	// Buffers of a device at most: 96 MiB if each were full, 6 with packets of 1,500 bytes. Each of three readers holds 128 and the queue of handshakes 1,024,
	// all of which may wait for a free one; what is beyond that, and one for each processor, is on its way through the device and comes back without waiting for another.
	messageBufferLimit = 1536
	// How long a buffer lies unused until its memory is given back; also how often one who waits looks for what can be dropped.
	messageBufferRest  = time.Second
	messageBufferRetry = 50 * time.Millisecond
	// Fewer unused buffers than this are not worth a timer, more than this are given back in several turns, so that nobody waits long for the lock.
	messageBufferBatch = 32
	// So many taken within one rest are a load; probes and keepalives are less.
	messageBufferLoad = 256
)

// messageBuffers keeps the buffers of one device: a stack in memory of its own, which the garbage collector neither counts nor throws away, and which is never cleared.
// The kernel backs only pages that were written, so a buffer of 64 KiB that carries packets of 1,500 bytes costs 4 KiB. The one that came back last is the next to go out, so few
// are touched; those at the bottom, which nobody took for a second, are given back to the kernel.
type messageBuffers struct {
	mutex sync.Mutex
	freed sync.Cond
	// Called without the lock when none is free, to drop what only waits; then the caller waits for one.
	reclaim func()
	// Has trim called after a rest.
	schedule func()
	// Called without the lock when a load is over and the memory of its buffers has been given back.
	rest  func()
	space []byte
	// How many of the space's buffers were ever used; those beyond have no memory.
	used  int
	limit int
	// The stack. The lowest `bare` of them have no memory, and the lowest `rested` were not taken since the last turn of trim.
	free         []*[MaxMessageSize]byte
	bare, rested int
	// How many were taken since the last turn of trim, and whether there will be another.
	taken    int
	trimming bool
}

// newMessageBuffers reserves address space; memory comes with use. The space stays mapped until the process ends, since packets may be on their way when a device closes.
func newMessageBuffers(limit int, reclaim func()) *messageBuffers {
	space, err := unix.Mmap(-1, 0, limit*messageBufferSpace, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		panic(fmt.Sprintf("no address space for %d packets of %d bytes: %v", limit, messageBufferSpace, err))
	}
	// Otherwise the first byte of a packet could take 2 MiB. A kernel without huge pages refuses, which is as good.
	_ = unix.Madvise(space, unix.MADV_NOHUGEPAGE)
	buffers := &messageBuffers{limit: limit, reclaim: reclaim, rest: func() {}, space: space}
	buffers.freed.L = &buffers.mutex
	buffers.schedule = func() { time.AfterFunc(messageBufferRest, buffers.trim) }
	return buffers
}

// get waits when all buffers are out.
func (buffers *messageBuffers) get() *[MaxMessageSize]byte {
	buffers.mutex.Lock()
	buffer := buffers.takeFree()
	buffers.mutex.Unlock()
	if buffer == nil {
		return buffers.await()
	}
	return buffer
}

func (buffers *messageBuffers) await() *[MaxMessageSize]byte {
	buffers.mutex.Lock()
	defer buffers.mutex.Unlock()
	for {
		if buffer := buffers.takeFree(); buffer != nil {
			return buffer
		}
		buffers.mutex.Unlock()
		buffers.reclaim()
		buffers.mutex.Lock()
		if len(buffers.free) > 0 {
			continue
		}
		// What can be dropped may come only while this one waits, so it looks again.
		timer := time.AfterFunc(messageBufferRetry, buffers.freed.Broadcast)
		buffers.freed.Wait()
		timer.Stop()
	}
}

func (buffers *messageBuffers) takeFree() *[MaxMessageSize]byte {
	if last := len(buffers.free) - 1; last >= 0 {
		buffer := buffers.free[last]
		buffers.taken++
		buffers.free = buffers.free[:last]
		buffers.rested = min(buffers.rested, last)
		buffers.bare = min(buffers.bare, last)
		return buffer
	}
	if buffers.used == buffers.limit {
		return nil
	}
	start := buffers.used * messageBufferSpace
	buffers.taken++
	buffers.used++
	return (*[MaxMessageSize]byte)(buffers.space[start : start+MaxMessageSize])
}

func (buffers *messageBuffers) put(buffer *[MaxMessageSize]byte) {
	buffers.mutex.Lock()
	buffers.free = append(buffers.free, buffer)
	buffers.freed.Signal()
	if !buffers.trimming && len(buffers.free) >= buffers.bare+messageBufferBatch {
		buffers.trimming = true
		buffers.rested, buffers.taken = len(buffers.free), 0
		buffers.schedule()
	}
	buffers.mutex.Unlock()
}

// trim gives the memory of buffers back that have rested since its last turn, and comes again until the load is over.
func (buffers *messageBuffers) trim() {
	for buffers.trimSome() {
	}
	if buffers.endTurn() {
		buffers.rest()
	}
}

// trimSome reports whether there are more that have rested.
func (buffers *messageBuffers) trimSome() bool {
	buffers.mutex.Lock()
	defer buffers.mutex.Unlock()
	for end := min(buffers.rested, buffers.bare+messageBufferBatch); buffers.bare < end; buffers.bare++ {
		// It cannot fail for memory that is ours; if it did, the memory would stay, which harms nobody.
		_ = unix.Madvise(buffers.free[buffers.bare][:], unix.MADV_DONTNEED)
	}
	return buffers.bare < buffers.rested
}

// endTurn reports whether the load is over.
func (buffers *messageBuffers) endTurn() bool {
	buffers.mutex.Lock()
	defer buffers.mutex.Unlock()
	buffers.trimming = buffers.taken >= messageBufferLoad || len(buffers.free) >= buffers.bare+messageBufferBatch
	buffers.rested = len(buffers.free)
	buffers.taken = 0
	if buffers.trimming {
		buffers.schedule()
	}
	return !buffers.trimming
}

// createMessageBuffers makes the buffers of a device. What else the start and each load have needed is given back after them.
func (device *Device) createMessageBuffers() *messageBuffers {
	buffers := newMessageBuffers(messageBufferLimit+2*runtime.NumCPU(), device.dropStagedPackets)
	buffers.rest = giveMemoryBack
	time.AfterFunc(startRest, giveMemoryBack)
	return buffers
}

// dropStagedPackets drops packets that wait for a session of their peer, because others wait for their buffers: without a session nothing says when they would go.
func (device *Device) dropStagedPackets() {
	// Whoever changes peers may be the one who waits here.
	if !device.peers.TryRLock() {
		return
	}
	defer device.peers.RUnlock()
	for _, peer := range device.peers.keyMap {
		peer.FlushStagedPackets()
	}
}
