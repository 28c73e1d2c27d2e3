package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// judge runs Lighthouse with the phone and the network that it simulates by default.
func judge(ctx context.Context, dir, url string) (map[string]float64, error) {
	out := filepath.Join(os.TempDir(), "pagereport-lighthouse.json")
	cmd := exec.CommandContext(ctx, "node", filepath.Join(dir, "node_modules", "lighthouse", "cli", "index.js"), url, "--quiet", "--output=json", "--output-path="+out,
		"--only-categories=performance,accessibility,best-practices", "--chrome-flags=--headless=new --no-sandbox --disable-gpu --ignore-certificate-errors")
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		return nil, err
	}
	cmd.Env = append(os.Environ(), "CHROME_PATH="+chromium)
	if text, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("lighthouse: %w\n%s", err, text)
	}
	raw, err := os.ReadFile(out)
	if err != nil {
		return nil, err
	}
	defer os.Remove(out)
	var result struct {
		Categories map[string]struct {
			Score     float64 `json:"score"`
			AuditRefs []struct {
				ID     string  `json:"id"`
				Weight float64 `json:"weight"`
			} `json:"auditRefs"`
		} `json:"categories"`
		Audits map[string]struct {
			Score *float64 `json:"score"`
			Title string   `json:"title"`
		} `json:"audits"`
	}
	if err := json.Unmarshal(raw, &result); err != nil {
		return nil, err
	}
	scores := map[string]float64{}
	for name, c := range result.Categories {
		scores[name] = 100 * c.Score
		for _, ref := range c.AuditRefs {
			if a := result.Audits[ref.ID]; ref.Weight > 0 && a.Score != nil && *a.Score < 0.9 {
				fmt.Printf("lighthouse %s: %s (%.2g)\n", name, a.Title, *a.Score)
			}
		}
	}
	return scores, nil
}
