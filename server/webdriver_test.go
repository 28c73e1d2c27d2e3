package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
)

// webdriver drives a browser by WebDriver: requests over HTTP.
type webdriver struct {
	base string // the address of the driver, and then of its session
}

var _ otherBrowser = (*webdriver)(nil)

func (d *webdriver) show(url string) error {
	return d.call(http.MethodPost, "/url", object{"url": url}, nil)
}

func (d *webdriver) run(expression string) (value string, err error) {
	err = d.call(http.MethodPost, "/execute/sync", object{"script": "return " + expression, "args": []any{}}, &value)
	return value, err
}

// console has nothing: this protocol does not tell.
func (d *webdriver) console() []string { return nil }

func (d *webdriver) call(method, path string, params, value any) error {
	body, err := json.Marshal(params)
	if err != nil {
		return err
	}
	req, err := http.NewRequest(method, d.base+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var answer struct {
		Value json.RawMessage `json:"value"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", path, answer.Value)
	}
	if value == nil {
		return nil
	}
	return json.Unmarshal(answer.Value, value)
}
