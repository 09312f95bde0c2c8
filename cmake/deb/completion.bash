# bash completion of @NAME@(8)
_@IDENTIFIER@() {
    local word=${COMP_WORDS[COMP_CWORD]}
    COMPREPLY=()
    if [[ $COMP_CWORD -eq 1 ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(@NAME@ help 2>/dev/null | sed -n 's/^  \([a-z]*\) .*/\1/p')" -- "$word")
        return
    fi
    case ${COMP_WORDS[1]} in
        hold | unhold | retry)
            [[ $COMP_CWORD -ne 2 ]] ||
                mapfile -t COMPREPLY < <(compgen -W "$(cd /var/lib/@NAME@ && printf '%s\n' */.version | sed 's|/.*||')" -- "$word")
            ;;
        publish | plan | apply | try) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
        reload | restart) [[ @NAME@ != ops-meta ]] || mapfile -t COMPREPLY < <(compgen -W --yes -- "$word") ;;
        check) mapfile -t COMPREPLY < <(compgen -W --fetch -- "$word") ;;
        help) mapfile -t COMPREPLY < <(compgen -W "$(@NAME@ help 2>/dev/null | sed -n 's/^  \([a-z]*\) .*/\1/p')" -- "$word") ;;
    esac
}
complete -o filenames -F _@IDENTIFIER@ @NAME@
