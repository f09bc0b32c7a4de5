class Credhelper < Formula
  desc "Get OAuth 2.0 bearer tokens, and answer tools in their own words"
  homepage "{{.Home}}"
  version "{{.Number}}"
  license "Apache-2.0"

  on_macos do
    on_arm do
      url "{{archive "darwin/arm64" | url}}"
      sha256 "{{archive "darwin/arm64" | sha256}}"
    end
    on_intel do
      url "{{archive "darwin/amd64" | url}}"
      sha256 "{{archive "darwin/amd64" | sha256}}"
    end
  end
  on_linux do
    on_arm do
      url "{{archive "linux/arm64" | url}}"
      sha256 "{{archive "linux/arm64" | sha256}}"
    end
    on_intel do
      url "{{archive "linux/amd64" | url}}"
      sha256 "{{archive "linux/amd64" | sha256}}"
    end
  end

  def install
    prefix.install Dir["*"]
  end

  test do
    assert_match "credhelper {{.Version}} ", shell_output("#{bin}/credhelper version")
  end
end
