package tun

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
	"golang.zx2c4.com/wireguard/conn"
)

// readDirectly waits for what the kernel hands out by one read, and returns its length.
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
	count, errno, err := conn.CallDirectly(wait, number, what, length, 0)
	if err != nil {
		return 0, os.ErrClosed
	}
	if errno != 0 {
		return 0, errno
	}
	return count, nil
}
