package conn

import (
	"net"
	"net/netip"
	"os"
	"sync"
	"unsafe"

	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

// directMessages sends and receives several messages by one call of the kernel, as ipv4.PacketConn and ipv6.PacketConn do, with the same failures.
type directMessages struct{ socket *net.UDPConn }

// WriteBatch returns how many messages went, at least one.
func (direct directMessages) WriteBatch(messages []ipv6.Message, flags int) (int, error) {
	list := takeKernelMessages(messages)
	defer list.putBack()
	for i := range messages {
		list.addresses[i].write(messages[i].Addr.(*net.UDPAddr), &list.messages[i].header)
	}
	connection, err := direct.socket.SyscallConn()
	if err != nil {
		return 0, err
	}
	return callDirectly(directCall{connection.Write, unix.SYS_SENDMMSG, "write", "sendmmsg"}, list, flags)
}

// ReadBatch waits for at least one message, and returns how many came.
func (direct directMessages) ReadBatch(messages []ipv6.Message, flags int) (int, error) {
	list := takeKernelMessages(messages)
	defer list.putBack()
	for i := range messages {
		list.addresses[i].awaitIn(&list.messages[i].header)
	}
	connection, err := direct.socket.SyscallConn()
	if err != nil {
		return 0, err
	}
	count, err := callDirectly(directCall{connection.Read, unix.SYS_RECVMMSG, "read", "recvmmsg"}, list, flags)
	for i := range messages[:count] {
		from := &list.messages[i]
		messages[i].N = int(from.length)
		messages[i].NN = int(from.header.Controllen)
		messages[i].Flags = int(from.header.Flags)
		messages[i].Addr = list.addresses[i].read()
	}
	return count, err
}

// directCall is one of the two calls, with what waits until the socket is ready for it.
type directCall struct {
	wait            func(func(fd uintptr) bool) error
	number          uintptr
	operation, name string
}

// callDirectly returns how many messages went or came; none when it fails.
func callDirectly(call directCall, list *kernelMessageList, flags int) (int, error) {
	what := unsafe.Pointer(unsafe.SliceData(list.messages))
	count, errno, err := CallDirectly(call.wait, call.number, what, len(list.messages), uintptr(flags)|unix.MSG_DONTWAIT)
	if err != nil {
		return 0, err
	}
	if errno != 0 {
		return 0, &net.OpError{Op: call.operation, Net: "udp", Err: os.NewSyscallError(call.name, errno)}
	}
	return count, nil
}

// kernelMessage is the kernel's struct mmsghdr.
type kernelMessage struct {
	header unix.Msghdr
	length uint32
}

// kernelMessageList is what one call is told: messages, with an address for each, and all their vectors one after the other. Kept to be used again.
type kernelMessageList struct {
	messages  []kernelMessage
	addresses [IdealBatchSize]kernelAddress
	vectors   []unix.Iovec
}

var kernelMessageLists = sync.Pool{New: func() any { return new(kernelMessageList) }}

// takeKernelMessages takes a list for at most as many messages as there are addresses in it, which are still to be said.
func takeKernelMessages(messages []ipv6.Message) *kernelMessageList {
	list := kernelMessageLists.Get().(*kernelMessageList)
	for _, message := range messages {
		for _, buffer := range message.Buffers {
			vector := unix.Iovec{Base: unsafe.SliceData(buffer)}
			vector.SetLen(len(buffer))
			list.vectors = append(list.vectors, vector)
		}
	}
	// Only now, since a list that grows moves.
	first := 0
	for _, message := range messages {
		to := kernelMessage{}
		to.header.Iov = &list.vectors[first]
		to.header.SetIovlen(len(message.Buffers))
		if len(message.OOB) > 0 {
			to.header.Control = unsafe.SliceData(message.OOB)
			to.header.SetControllen(len(message.OOB))
		}
		list.messages = append(list.messages, to)
		first += len(message.Buffers)
	}
	return list
}

func (list *kernelMessageList) putBack() {
	// Nothing of what was sent may be kept from the garbage collector.
	clear(list.messages)
	clear(list.vectors)
	list.messages, list.vectors = list.messages[:0], list.vectors[:0]
	kernelMessageLists.Put(list)
}

// kernelAddress has room for an address of either family.
type kernelAddress unix.RawSockaddrInet6

func (address *kernelAddress) v4() *unix.RawSockaddrInet4 {
	return (*unix.RawSockaddrInet4)(unsafe.Pointer(address))
}

func (address *kernelAddress) write(to *net.UDPAddr, header *unix.Msghdr) {
	header.Name = (*byte)(unsafe.Pointer(address))
	port := networkOrder(uint16(to.Port))
	if len(to.IP) == net.IPv4len {
		*address.v4() = unix.RawSockaddrInet4{Family: unix.AF_INET, Port: port, Addr: [net.IPv4len]byte(to.IP)}
		header.Namelen = unix.SizeofSockaddrInet4
		return
	}
	*address = kernelAddress{Family: unix.AF_INET6, Port: port, Addr: [net.IPv6len]byte(to.IP.To16())}
	header.Namelen = unix.SizeofSockaddrInet6
}

func (address *kernelAddress) awaitIn(header *unix.Msghdr) {
	header.Name = (*byte)(unsafe.Pointer(address))
	header.Namelen = unix.SizeofSockaddrInet6
}

func (address *kernelAddress) read() *net.UDPAddr {
	ip := netip.AddrFrom16(address.Addr)
	if address.Family == unix.AF_INET {
		ip = netip.AddrFrom4(address.v4().Addr)
	}
	return net.UDPAddrFromAddrPort(netip.AddrPortFrom(ip, networkOrder(address.Port)))
}

// networkOrder turns a port as this processor keeps it into one as the kernel wants it, and back.
func networkOrder(port uint16) uint16 {
	bytes := (*[2]byte)(unsafe.Pointer(&port))
	return uint16(bytes[0])<<8 | uint16(bytes[1])
}
