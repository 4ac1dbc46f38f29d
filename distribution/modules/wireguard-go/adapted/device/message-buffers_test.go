package device

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
	"golang.zx2c4.com/wireguard/tun/tuntest"
)

// Nothing here takes so long unless it never ends.
const never = 30 * time.Second

func TestTheLastBufferBackIsTheNextOutAndIsNotCleared(t *testing.T) {
	buffers := newMessageBuffers(8, func() {})
	first, second := buffers.get(), buffers.get()
	if first == second {
		t.Fatal("one buffer was given out twice")
	}
	first[1000] = 7
	buffers.put(second)
	buffers.put(first)
	if again := buffers.get(); again != first || again[1000] != 7 {
		t.Error("another buffer, or a cleared one, was given out")
	}
	if again := buffers.get(); again != second {
		t.Error("a new buffer was given out although one was free")
	}
}

func TestNoMoreBuffersThanTheLimit(t *testing.T) {
	buffers := newMessageBuffers(2, func() {})
	first := buffers.get()
	buffers.get()
	got := make(chan *[MaxMessageSize]byte)
	go func() { got <- buffers.get() }()
	select {
	case <-got:
		t.Fatal("a third buffer was given out")
	case <-time.After(3 * messageBufferRetry):
	}
	buffers.put(first)
	select {
	case buffer := <-got:
		if buffer != first {
			t.Error("another buffer was given out than the one that came back")
		}
	case <-time.After(never):
		t.Fatal("nobody was woken")
	}
}

func TestWhoWaitsFindsWhatCanBeDroppedOnlyLater(t *testing.T) {
	var dropped atomic.Bool
	var calls atomic.Int32
	var buffers *messageBuffers
	var held *[MaxMessageSize]byte
	buffers = newMessageBuffers(1, func() {
		if calls.Add(1) == 3 {
			dropped.Store(true)
			buffers.put(held)
		}
	})
	held = buffers.get()
	got := make(chan *[MaxMessageSize]byte)
	go func() { got <- buffers.get() }()
	select {
	case <-got:
	case <-time.After(never):
		t.Fatal("nothing was dropped")
	}
	if !dropped.Load() {
		t.Error("a buffer was given out before one was dropped")
	}
}

func TestNoBufferHasTwoOwners(t *testing.T) {
	buffers := newMessageBuffers(64, func() {})
	var owners [64]atomic.Int32
	indexOf := func(buffer *[MaxMessageSize]byte) uintptr {
		return (uintptr(unsafe.Pointer(buffer)) - uintptr(unsafe.Pointer(unsafe.SliceData(buffers.space)))) / messageBufferSpace
	}
	var group sync.WaitGroup
	for worker := range 16 {
		group.Add(1)
		go func() {
			defer group.Done()
			for round := range 2000 {
				// 16 workers want up to 128 of the 64 in turns, never all at once for good.
				taken := make([]*[MaxMessageSize]byte, 1+(worker+round)%4)
				for i := range taken {
					taken[i] = buffers.get()
					if owners[indexOf(taken[i])].Add(1) != 1 {
						t.Error("a buffer has two owners")
					}
				}
				if round%100 == 0 {
					buffers.trim()
				}
				for _, buffer := range taken {
					owners[indexOf(buffer)].Add(-1)
					buffers.put(buffer)
				}
			}
		}()
	}
	group.Wait()
	if len(buffers.free) != buffers.used {
		t.Errorf("%d of %d buffers came back", len(buffers.free), buffers.used)
	}
}

func TestMemoryIsWhatIsWrittenAndGoesWithRest(t *testing.T) {
	buffers := newMessageBuffers(400, func() {})
	taken := make([]*[MaxMessageSize]byte, 200)
	for i := range taken {
		taken[i] = buffers.get()
		clear(taken[i][:1500])
	}
	if pages := residentPages(t, buffers.space); pages != 200 {
		t.Errorf("200 packets of 1,500 bytes take %d pages", pages)
	}
	for _, buffer := range taken {
		buffers.put(buffer)
	}
	// The turn after the one in which the last came back: none was taken in between.
	buffers.trim()
	buffers.trim()
	if pages := residentPages(t, buffers.space); pages != 0 {
		t.Errorf("%d pages of buffers that rest were kept", pages)
	}
	// Bare ones serve again, and only those that are in use cost anything.
	again := buffers.get()
	again[0] = 1
	if pages := residentPages(t, buffers.space); pages != 1 {
		t.Errorf("one packet takes %d pages", pages)
	}
}

func TestBuffersInUseKeepTheirMemory(t *testing.T) {
	buffers := newMessageBuffers(100, func() {})
	taken := make([]*[MaxMessageSize]byte, 100)
	for i := range taken {
		taken[i] = buffers.get()
		taken[i][0] = byte(i)
	}
	for _, buffer := range taken[50:] {
		buffers.put(buffer)
	}
	buffers.trim()
	buffers.trim()
	for i, buffer := range taken[:50] {
		if buffer[0] != byte(i) {
			t.Fatalf("buffer %d was lost while it was in use", i)
		}
	}
	if pages := residentPages(t, buffers.space); pages != 50 {
		t.Errorf("50 buffers in use have %d pages", pages)
	}
}

// Packets to peers that nobody answers for hold buffers until there is a session. They must not stop others: neither the reader of the interface nor handshakes.
func TestPacketsThatWaitForASessionStopNobody(t *testing.T) {
	pair := genTestPair(t, true)
	// 128 can wait at each: more than there are buffers.
	const peers = 2 * messageBufferLimit / QueueStagedSize
	sender := pair[0]
	for i := range peers {
		key, err := newPrivateKey()
		if err != nil {
			t.Fatal(err)
		}
		public := key.publicKey()
		if err := sender.dev.IpcSet(uapiCfg("public_key", hex.EncodeToString(public[:]), "allowed_ip", fmt.Sprintf("10.0.%d.0/24", i))); err != nil {
			t.Fatal(err)
		}
	}
	for range QueueStagedSize {
		for i := range peers {
			packet := tuntest.Ping(netip.AddrFrom4([4]byte{10, 0, byte(i), 1}), sender.ip)
			select {
			case sender.tun.Outbound <- packet:
			case <-time.After(never):
				t.Fatal("the interface is not read any more")
			}
		}
	}
	pair.Send(t, Pong, nil)
	pair.Send(t, Ping, nil)
}

func TestTheEndOfALoadIsToldOnceAndNotBefore(t *testing.T) {
	buffers := newMessageBuffers(400, func() {})
	told := 0
	buffers.rest = func() { told++ }
	load := func() {
		taken := make([]*[MaxMessageSize]byte, 300)
		for i := range taken {
			taken[i] = buffers.get()
		}
		for _, buffer := range taken {
			buffers.put(buffer)
		}
	}
	// The test comes when it wants, the timer never.
	buffers.schedule, buffers.trimming = func() {}, true
	for range 3 {
		load()
		buffers.trim()
		if told > 0 {
			t.Fatal("the load is not over")
		}
	}
	buffers.trim()
	if told != 1 || buffers.trimming {
		t.Errorf("told %d times, and another turn is %v", told, buffers.trimming)
	}
	buffers.put(buffers.get())
	if buffers.trimming {
		t.Error("a packet by itself is no load")
	}
}

func TestOnlyMemoryThatIsAFilesAndCannotBeWrittenIsForgotten(t *testing.T) {
	for line, want := range map[string][2]uintptr{
		"00400000-00587000 r-xp 00000000 08:01 1234                       /usr/local/bin/wireguard-go": {0x400000, 0x187000},
		"00587000-00780000 r--p 00187000 08:01 1234                       /usr/local/bin/wireguard-go": {0x587000, 0x1f9000},
	} {
		if start, length, ok := unwrittenFileMapping(line); !ok || start != want[0] || length != want[1] {
			t.Errorf("%q: %x, %x, %v", line, start, length, ok)
		}
	}
	for _, line := range []string{
		"00780000-007a5000 rw-p 00380000 08:01 1234                       /usr/local/bin/wireguard-go",
		"c000000000-c000400000 rw-p 00000000 00:00 0 ",
		"7ffd1d5c1000-7ffd1d5e2000 rw-p 00000000 00:00 0                  [stack]",
		"7ffd1d5f5000-7ffd1d5f7000 r-xp 00000000 00:00 0                  [vdso]",
		"7ffd1d5f5000 r-xp 00000000 08:01 1 /x",
		"",
	} {
		if _, _, ok := unwrittenFileMapping(line); ok {
			t.Errorf("%q may not be forgotten", line)
		}
	}
	// And the program goes on.
	giveMemoryBack()
}

func residentPages(t *testing.T, space []byte) int {
	t.Helper()
	pages := make([]byte, len(space)/unix.Getpagesize())
	if _, _, errno := unix.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(unsafe.SliceData(space))), uintptr(len(space)), uintptr(unsafe.Pointer(unsafe.SliceData(pages)))); errno != 0 {
		t.Fatal(errno)
	}
	count := 0
	for _, page := range pages {
		count += int(page & 1)
	}
	return count
}
