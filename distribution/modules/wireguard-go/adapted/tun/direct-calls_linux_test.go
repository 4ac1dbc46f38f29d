package tun

import (
	"errors"
	"os"
	"testing"
)

// A pipe waits and ends as the file of an interface does.
func TestWhoWaitsForPacketsGetsThemOrTheEnd(t *testing.T) {
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	tun := &NativeTun{tunFile: reader}
	type result struct {
		text string
		err  error
	}
	results := make(chan result)
	read := func() {
		into := make([]byte, 10)
		count, err := tun.readDirectly(into)
		results <- result{string(into[:count]), err}
	}
	go read()
	if _, err := writer.WriteString("packet"); err != nil {
		t.Fatal(err)
	}
	if got := <-results; got.text != "packet" || got.err != nil {
		t.Error(got)
	}
	go read()
	reader.Close()
	if got := <-results; !errors.Is(got.err, os.ErrClosed) {
		t.Error(got)
	}
}
