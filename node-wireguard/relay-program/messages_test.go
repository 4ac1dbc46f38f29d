package main

import (
	"errors"
	"strings"
	"testing"
)

func TestCommandsAreObeyedInTurnUntilTheInputEnds(t *testing.T) {
	var carried []string
	obey := func(command clientCommand) error {
		carried = append(carried, command.Carry)
		if command.Carry == "refused" {
			return errors.New("no")
		}
		return nil
	}
	must(t, eachCommand(strings.NewReader(`{"carry":"tls"}`+"\n"+`{"carry":"udp"}`+"\n"), obey))
	if strings.Join(carried, " ") != "tls udp" {
		t.Fatalf("obeyed %v", carried)
	}
	for name, input := range map[string]string{
		"no JSON":    "carry tls\n",
		"a refusal":  `{"carry":"refused"}` + "\n",
		"a long one": `{"carry":"` + strings.Repeat("x", longestCommandBytes) + `"}` + "\n",
	} {
		if eachCommand(strings.NewReader(input), obey) == nil {
			t.Errorf("%s: obeyed", name)
		}
	}
}

func TestAClientRefusesWhatIsNoKey(t *testing.T) {
	client, err := newClient(0)
	must(t, err)
	for _, link := range []string{"", "not base64", "c2hvcnQ="} {
		if client.obey(clientCommand{Configure: &clientConfiguration{Link: link}}) == nil {
			t.Errorf("%q is taken for a key", link)
		}
	}
}
