package main

import (
	"encoding/binary"
	"net"
	"testing"
	"time"
)

func message(kind byte, length int, first, second uint32) []byte {
	bytes := make([]byte, length)
	bytes[0] = kind
	binary.LittleEndian.PutUint32(bytes[4:], first)
	if length >= 12 {
		binary.LittleEndian.PutUint32(bytes[8:], second)
	}
	return bytes
}

func TestUDPIsTriedWithSmallPacketsNowAndThen(t *testing.T) {
	trial := newTrial()
	data, initiation := message(dataType, 96, 5, 0), message(initiationType, 148, 9, 0)
	if trial.due(data) || trial.due(initiation) {
		t.Fatal("it is tried although nobody asked for it")
	}
	trial.every.Store(int64(time.Hour))
	// As if the program had run for long already.
	trial.lastTry = -int64(2 * time.Hour)
	for name, never := range map[string][]byte{
		"a long one": message(dataType, longestTrialBytes+1, 5, 0), "an answer to a handshake": message(responseType, 92, 5, 9),
		"nothing": {}, "half a message": {dataType, 0, 0},
	} {
		if trial.due(never) {
			t.Errorf("%s is tried", name)
		}
	}
	if !trial.due(data) || trial.due(data) {
		t.Error("data are not tried once")
	}
	trial.lastInitiation = -int64(2 * time.Hour)
	if !trial.due(initiation) || trial.due(initiation) {
		t.Error("the beginning of a handshake is not tried once")
	}
}

func TestOnlyTheOtherDeviceProvesThatUDPWorks(t *testing.T) {
	trial := newTrial()
	trial.every.Store(1)
	trial.heard(message(dataType, 96, 77, 0))
	time.Sleep(time.Microsecond)
	if !trial.due(message(dataType, 96, 5, 0)) {
		t.Fatal("data are not tried")
	}
	trial.lastInitiation = -int64(2 * time.Hour)
	if !trial.due(message(initiationType, 148, 9, 0)) {
		t.Fatal("the handshake is not tried")
	}
	for name, one := range map[string]struct {
		payload []byte
		proof   bool
	}{
		"data of the session":            {message(dataType, 96, 77, 0), true},
		"data of another":                {message(dataType, 96, 78, 0), false},
		"an answer to the handshake":     {message(responseType, 92, 1, 9), true},
		"an answer to another":           {message(responseType, 92, 9, 1), false},
		"a handshake of somebody else's": {message(initiationType, 148, 77, 9), false},
		"something short":                {message(dataType, 8, 77, 0), false},
	} {
		if trial.answers(one.payload) != one.proof {
			t.Errorf("%s: %v", name, !one.proof)
		}
	}
}

// The way from the other device may be open when the way to it is not; and until it has heard of TLS it sends by UDP.
func TestWhatWasSentByUDPBeforeTLSCarriedProvesNothing(t *testing.T) {
	trial := newTrial()
	trial.every.Store(1)
	trial.heard(message(dataType, 96, 77, 0))
	trial.begin()
	late, small := message(dataType, 96, 77, 0), message(dataType, 96, 5, 0)
	if trial.answers(late) {
		t.Error("it does although nothing was tried since TLS carries")
	}
	if !trial.due(small) || trial.answers(late) {
		t.Error("it does although the other device may not know yet that TLS carries")
	}
	trial.every.Store(int64(time.Hour))
	trial.lastTry = -int64(2 * time.Hour)
	trial.heard(late)
	if trial.due(small) || trial.answers(late) {
		t.Error("it is tried while what was sent before may be on its way")
	}
	trial.heardAt.Store(-int64(2 * time.Hour))
	if !trial.due(small) || !trial.answers(late) {
		t.Error("an answer to a try proves nothing")
	}
}

func TestManyDatagramsAreSentAtOnceAndReceivedAsOne(t *testing.T) {
	from, err := openDatagrams("udp4", loopback(0))
	must(t, err)
	defer from.socket.Close()
	to, err := openDatagrams("udp4", loopback(0))
	must(t, err)
	defer to.socket.Close()
	payload := make([]byte, 3*1200+50)
	for index := range payload {
		payload[index] = byte(index / 1200)
	}
	newSender(from).send(payload, 1200, to.socket.LocalAddr().(*net.UDPAddr).AddrPort())
	_ = to.socket.SetDeadline(time.Now().Add(never))
	buffer, got := make([]byte, longestPayloadBytes), 0
	for got < len(payload) {
		segmentBytes, payloadBytes, sender, err := to.receive(buffer)
		must(t, err)
		if segmentBytes > 1200 || sender.Port() != from.socket.LocalAddr().(*net.UDPAddr).AddrPort().Port() {
			t.Fatalf("datagrams of %d bytes from %v", segmentBytes, sender)
		}
		for index, value := range buffer[:payloadBytes] {
			if value != payload[got+index] {
				t.Fatalf("byte %d is %d", got+index, value)
			}
		}
		got += payloadBytes
	}
	if got != len(payload) || to.dropped() != 0 {
		t.Fatalf("%d bytes, %d dropped", got, to.dropped())
	}
}
