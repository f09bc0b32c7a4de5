class Credhelper < Formula
  desc "Get OAuth 2.0 bearer tokens, and answer tools in their own words"
  homepage "{{.Home}}"
  version "{{.Number}}"
  license "Apache-2.0"

  on_macos do
    on_arm do
      url "{{url "darwin/arm64"}}"
      sha256 "{{sha256 "darwin/arm64"}}"
    end
    on_intel do
      url "{{url "darwin/amd64"}}"
      sha256 "{{sha256 "darwin/amd64"}}"
    end
  end
  on_linux do
    on_arm do
      url "{{url "linux/arm64"}}"
      sha256 "{{sha256 "linux/arm64"}}"
    end
    on_intel do
      url "{{url "linux/amd64"}}"
      sha256 "{{sha256 "linux/amd64"}}"
    end
  end

  def install
    prefix.install Dir["*"]
  end

  test do
    assert_match "credhelper {{.Version}} ", shell_output("#{bin}/credhelper version")
  end
end
