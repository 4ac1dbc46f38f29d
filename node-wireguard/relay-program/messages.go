package main

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"sync"
)

// event is one line that this program says.
type event struct {
	Event   string `json:"event"`
	Address string `json:"address,omitempty"`
	Link    string `json:"link,omitempty"`
	Reason  string `json:"reason,omitempty"`
	// How many like this one, which is the last of them.
	Count uint64 `json:"count,omitempty"`
	// Sums since the program began.
	SentBytes     uint64 `json:"sentBytes,omitempty"`
	ReceivedBytes uint64 `json:"receivedBytes,omitempty"`
	Dropped       uint64 `json:"dropped,omitempty"`
}

var saying sync.Mutex

func say(what event) {
	line, _ := json.Marshal(what)
	saying.Lock()
	defer saying.Unlock()
	_, _ = os.Stdout.Write(append(line, '\n'))
}

const longestCommandBytes = 1 << 20

// eachCommand reads lines of JSON until the input ends, which says that nobody needs this program any more.
func eachCommand[Command any](input io.Reader, do func(Command) error) error {
	lines := bufio.NewScanner(input)
	lines.Buffer(make([]byte, 0, 4096), longestCommandBytes)
	for lines.Scan() {
		var command Command
		if err := json.Unmarshal(lines.Bytes(), &command); err != nil {
			return err
		}
		if err := do(command); err != nil {
			return err
		}
	}
	return lines.Err()
}
