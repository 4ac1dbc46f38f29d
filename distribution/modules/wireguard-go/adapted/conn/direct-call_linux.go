package conn

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// CallDirectly waits by one way of a file's, to read or to write, until it is ready, and calls the kernel with `what` of so many elements; it returns the answer of the kernel,
// and fails when the file is closed meanwhile. It does not tell Go's scheduler of the call, which must never block: otherwise a call that takes more than 20 microseconds, as
// one with 64 KiB does, has its processor given to another thread, and a watcher runs as often.
func CallDirectly(wait func(func(fd uintptr) bool) error, number uintptr, what unsafe.Pointer, length int, flags uintptr) (int, syscall.Errno, error) {
	var answer uintptr
	var errno syscall.Errno
	err := wait(func(fd uintptr) bool {
		for {
			answer, _, errno = unix.RawSyscall6(number, fd, uintptr(what), uintptr(length), flags, 0, 0)
			if errno != unix.EINTR {
				return errno != unix.EAGAIN
			}
		}
	})
	if err != nil || errno != 0 {
		return 0, errno, err
	}
	return int(answer), 0, nil
}
