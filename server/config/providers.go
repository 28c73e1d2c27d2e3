package config

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"anxin/engine/notify"
	"anxin/engine/notify/aliyun"
	"anxin/engine/notify/apns"
	"anxin/engine/notify/fcm"
	"anxin/engine/notify/tencent"
	"anxin/engine/notify/twilio"
	"anxin/engine/notify/webpush"
)

// providerKinds read the settings of each kind of provider.
var providerKinds = map[string]func(s *settings) func() (notify.Provider, error){
	"twilio": func(s *settings) func() (notify.Provider, error) {
		cfg := twilio.Config{
			AccountSID: s.need("account_sid"), AuthToken: s.secret("auth_token"), From: s.get("from"), ServiceSID: s.get("service_sid"),
			StatusURL: cmp.Or(s.get("status_url"), s.receipts("")), BaseURL: s.get("base_url"),
		}
		return func() (notify.Provider, error) { return twilio.New(cfg) }
	},
	"aliyun": func(s *settings) func() (notify.Provider, error) {
		cfg := aliyun.Config{
			AccessKeyID: s.need("access_key_id"), AccessKeySecret: s.secret("access_key_secret"), SignName: s.need("sign_name"),
			ReceiptSecret: s.maybeSecret("receipt_secret"), BaseURL: s.get("base_url"),
		}
		return func() (notify.Provider, error) { return aliyun.New(cfg) }
	},
	"tencent": func(s *settings) func() (notify.Provider, error) {
		cfg := tencent.Config{
			SecretID: s.need("secret_id"), SecretKey: s.secret("secret_key"), AppID: s.need("app_id"), SignName: s.get("sign_name"),
			Region: s.get("region"), ReceiptSecret: s.maybeSecret("receipt_secret"), BaseURL: s.get("base_url"),
		}
		return func() (notify.Provider, error) { return tencent.New(cfg) }
	},
	"apns": func(s *settings) func() (notify.Provider, error) {
		cfg := apns.Config{
			KeyID: s.need("key_id"), TeamID: s.need("team_id"), Key: []byte(s.secret("key")), Topic: s.need("topic"), BaseURL: s.get("base_url"),
		}
		return func() (notify.Provider, error) { return apns.New(cfg) }
	},
	"fcm": func(s *settings) func() (notify.Provider, error) {
		cfg := fcm.Config{ServiceAccount: []byte(s.secret("service_account")), BaseURL: s.get("base_url"), TokenURL: s.get("token_url")}
		return func() (notify.Provider, error) { return fcm.New(cfg) }
	},
	"webpush": func(s *settings) func() (notify.Provider, error) {
		cfg := webpush.Config{Key: []byte(s.secret("key")), Subject: s.need("subject"), AllowPrivate: s.flag("allow_private")}
		return func() (notify.Provider, error) { return webpush.New(cfg) }
	},
}

// settings are those of one provider. Each that is read is known; what is left is a
// mistake.
type settings struct {
	name      string
	publicURL string
	values    map[string]string
	known     []string
	wrong     []string // each with the name of its setting
}

func (s *settings) get(name string) string {
	s.known = append(s.known, name)
	return s.values[name]
}

func (s *settings) need(name string) string {
	value := s.get(name)
	if value == "" {
		s.wrong = append(s.wrong, name+" must be set")
	}
	return value
}

// secret is a value, or the content of the file that NAME_file names.
func (s *settings) secret(name string) string {
	value := s.maybeSecret(name)
	if value == "" && len(s.wrong) == 0 {
		s.wrong = append(s.wrong, name+" or "+name+"_file must be set")
	}
	return value
}

func (s *settings) maybeSecret(name string) string {
	value, path := s.get(name), s.get(name+"_file")
	if path == "" {
		return value
	}
	content, err := readLimited(path)
	if err != nil {
		s.wrong = append(s.wrong, name+"_file cannot be read")
	}
	return string(content)
}

func (s *settings) flag(name string) bool {
	value := s.get(name)
	on, err := strconv.ParseBool(cmp.Or(value, "false"))
	if err != nil {
		s.wrong = append(s.wrong, name+" must be true or false")
	}
	return on
}

// receipts is where the provider reports.
func (s *settings) receipts(query string) string {
	return s.publicURL + "/v1/receipts/" + s.name + query
}

// report tells what is wrong, and which settings there are not.
func (s *settings) report(setting string, p *problems) {
	for _, name := range slices.Sorted(maps.Keys(s.values)) {
		if !slices.Contains(s.known, name) {
			s.wrong = append(s.wrong, name+" is no setting of this kind")
		}
	}
	for _, problem := range s.wrong {
		name, what, _ := strings.Cut(problem, " ")
		p.add(setting+"."+name, "%s", what)
	}
}
