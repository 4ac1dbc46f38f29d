package main

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

func frameOf(segmentBytes int, payload []byte) []byte {
	frame := append(make([]byte, headerBytes), payload...)
	putHeader(frame, segmentBytes, len(payload))
	return frame
}

func TestFramesAreReadBackHoweverTheyAreCut(t *testing.T) {
	frames := []struct {
		segmentBytes int
		payload      []byte
	}{
		{0, nil},
		{1, []byte("x")},
		{1200, bytes.Repeat([]byte("y"), 1200*3+7)},
		{1023, bytes.Repeat([]byte("z"), 1023*mostSegments)},
		{longestPayloadBytes, bytes.Repeat([]byte("w"), longestPayloadBytes)},
	}
	var wire []byte
	for _, frame := range frames {
		wire = append(wire, frameOf(frame.segmentBytes, frame.payload)...)
	}
	readers := map[string]io.Reader{
		"whole": bytes.NewReader(wire), "bytes": iotest.OneByteReader(bytes.NewReader(wire)),
		"halves": iotest.HalfReader(bytes.NewReader(wire)),
	}
	for name, reader := range readers {
		buffer := make([]byte, headerBytes+longestPayloadBytes)
		for _, want := range frames {
			segmentBytes, payload, err := readFrame(reader, buffer)
			if err != nil || segmentBytes != want.segmentBytes || !bytes.Equal(payload, want.payload) {
				t.Fatalf("%s: got %d, %d bytes, %v; want %d, %d", name, segmentBytes, len(payload), err, want.segmentBytes, len(want.payload))
			}
		}
		if _, _, err := readFrame(reader, buffer); err != io.EOF {
			t.Fatalf("%s: the end is %v", name, err)
		}
	}
}

func TestWhatCannotBeAFrameIsRefused(t *testing.T) {
	head := func(segmentBytes, payloadBytes int) []byte {
		header := make([]byte, headerBytes)
		putHeader(header, segmentBytes, payloadBytes)
		return header
	}
	for name, bad := range map[string]struct {
		wire        []byte
		bufferBytes int
	}{
		"datagrams without length":          {head(0, 10), 2000},
		"a datagram longer than all":        {head(11, 10), 2000},
		"a length without datagrams":        {head(10, 0), 2000},
		"more datagrams than go at once":    {head(10, 10*mostSegments+1), 2000},
		"more than there is room for":       {head(40, 40), 32},
		"more than fits into a UDP message": {head(0xffff, 0xffff), 1 << 17},
	} {
		if _, _, err := readFrame(bytes.NewReader(bad.wire), make([]byte, bad.bufferBytes)); !errors.Is(err, errFrame) {
			t.Errorf("%s: %v", name, err)
		}
	}
	cut := frameOf(10, make([]byte, 30))
	if _, _, err := readFrame(bytes.NewReader(cut[:20]), make([]byte, 100)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a frame that is cut off: %v", err)
	}
}

func FuzzReadFrame(f *testing.F) {
	f.Add(frameOf(3, []byte("abcdefg")))
	f.Add([]byte{0, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, wire []byte) {
		reader, buffer := bytes.NewReader(wire), make([]byte, 4096)
		for {
			segmentBytes, payload, err := readFrame(reader, buffer)
			if err != nil {
				return
			}
			if len(payload) > len(buffer) || segmentBytes > len(payload) || len(payload) > segmentBytes*mostSegments {
				t.Fatalf("%d bytes of %d each", len(payload), segmentBytes)
			}
		}
	})
}
