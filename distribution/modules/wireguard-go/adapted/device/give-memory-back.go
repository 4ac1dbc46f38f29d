package device

import (
	"bufio"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// When the start is over, pages of the program that only it has needed are of no more use.
const startRest = 2 * time.Second

// giveMemoryBack gives what the heap does not need to the kernel, and forgets the pages of the program itself: those that are used come back from the cache of files.
func giveMemoryBack() {
	debug.FreeOSMemory()
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return
	}
	defer maps.Close()
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		if start, length, ok := unwrittenFileMapping(lines.Text()); ok {
			_, _, _ = unix.Syscall(unix.SYS_MADVISE, start, length, unix.MADV_DONTNEED)
		}
	}
}

// unwrittenFileMapping reads a line of /proc/self/maps, as in `00400000-00587000 r-xp 00000000 08:01 1234 /path`. Only memory that is a file's and cannot be written may be forgotten without a loss.
func unwrittenFileMapping(line string) (start, length uintptr, ok bool) {
	fields := strings.Fields(line)
	if len(fields) < 6 || !strings.HasPrefix(fields[5], "/") || !strings.HasPrefix(fields[1], "r") || strings.Contains(fields[1], "w") {
		return 0, 0, false
	}
	first, last, _ := strings.Cut(fields[0], "-")
	from, err := strconv.ParseUint(first, 16, 64)
	if err != nil {
		return 0, 0, false
	}
	to, err := strconv.ParseUint(last, 16, 64)
	if err != nil || to <= from {
		return 0, 0, false
	}
	return uintptr(from), uintptr(to - from), true
}
