package tun

import (
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// readDirectly waits for what the kernel hands out by one read, and returns its length. Neither this nor writeVectors tells Go's scheduler of the call, which never blocks: otherwise
// a call that takes more than 20 microseconds, as one with 64 KiB does, has its processor given to another thread, and a watcher runs as often as that.
func (tun *NativeTun) readDirectly(into []byte) (int, error) {
	connection, err := tun.tunFile.SyscallConn()
	if err != nil {
		return 0, err
	}
	return directCall(connection.Read, unix.SYS_READ, unsafe.Pointer(unsafe.SliceData(into)), len(into))
}

// writeVectors hands the kernel one packet, header included, whose pieces lie where they are.
func (tun *NativeTun) writeVectors(vectors []unix.Iovec) (int, error) {
	connection, err := tun.tunFile.SyscallConn()
	if err != nil {
		return 0, err
	}
	return directCall(connection.Write, unix.SYS_WRITEV, unsafe.Pointer(unsafe.SliceData(vectors)), len(vectors))
}

// directCall waits by one of the two ways until the interface is ready. No deadline is ever set, so waiting ends without readiness only when the file is closed.
func directCall(wait func(func(fd uintptr) bool) error, number uintptr, what unsafe.Pointer, length int) (int, error) {
	var count uintptr
	var errno syscall.Errno
	err := wait(func(fd uintptr) bool {
		for {
			count, _, errno = unix.RawSyscall(number, fd, uintptr(what), uintptr(length))
			if errno != unix.EINTR {
				return errno != unix.EAGAIN
			}
		}
	})
	if err != nil {
		return 0, os.ErrClosed
	}
	if errno != 0 {
		return 0, errno
	}
	return int(count), nil
}
