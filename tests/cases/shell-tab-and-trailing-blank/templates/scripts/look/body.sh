main() {
	true
  false  
}
